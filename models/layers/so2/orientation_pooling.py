"""Pooling over rotations: what remains of a field when its orientations do not matter."""

from __future__ import annotations

from torch import Tensor, nn

from isometry.models.layers.so2.cyclic_convolution import ORIENTATIONS


class OrientationPooling(nn.Module):
    """The maximum of each field over its orientations: rotations of the input then only rotate the map.

    Source: group pooling of Cohen and Welling, Group Equivariant Convolutional Networks (2016).
    """

    def forward(self, features: Tensor) -> Tensor:
        """Fields (N, 8 * fields, H, W) to invariants (N, fields, H, W)."""
        return features.unflatten(1, (ORIENTATIONS, -1)).amax(dim=1)
