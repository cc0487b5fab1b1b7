"""The network of place recognition: a rotation-equivariant encoder of bird's-eye images.

Image -> C8-equivariant convolutions -> oriented local features (for the pose) and one yaw-invariant descriptor (for the
place). After BEVPlace (Luo et al., 2023), with steerable filters in place of a rotated copy of the network per angle.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from isometry.models.layers.so2.cyclic_convolution import ORIENTATIONS, CyclicBlock, CyclicConvolution
from isometry.models.layers.so2.orientation_pooling import OrientationPooling
from isometry.models.layers.so2.ring_pooling import RingPooling, distance_rings

LOCAL_FIELDS = 8
RINGS = 4


class BirdsEyeEncoder(nn.Module):
    """Encodes bird's-eye images of occupied-voxel counts, 0 to `cap`.

    The full descriptor has `invariants` * 4 dimensions, of which the `descriptor_size` principal components are kept
    (set by `fit_projection` after training).
    """

    mean: Tensor
    projection: Tensor
    rings: Tensor

    def __init__(self, size: int = 128, cap: int = 10, invariants: int = 192, descriptor_size: int = 512) -> None:
        super().__init__()
        self.cap = cap
        self.stem = CyclicBlock(2, 4, 7, from_image=True)
        self.stage1 = CyclicBlock(4, 8, 5)
        self.stage2 = nn.Sequential(CyclicBlock(8, 16, 3), CyclicBlock(16, 16, 3))
        self.local = CyclicConvolution(16, LOCAL_FIELDS, 1)
        self.stage3 = CyclicBlock(16, 16, 3)
        self.register_buffer("rings", distance_rings(size // 8, RINGS), persistent=False)
        self.invariant = CyclicBlock(16 + RINGS, invariants, 1)
        self.over_rotations = OrientationPooling()
        self.pooling = RingPooling(size // 8, RINGS)
        full = invariants * RINGS
        self.centring = nn.BatchNorm1d(full, affine=False)
        self.register_buffer("mean", torch.zeros(full))
        self.register_buffer("projection", torch.zeros(full, descriptor_size))

    def backbone(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N,1,S,S) to oriented local features (N,64,S/4,S/4) and invariants (N,C,S/8,S/8)."""
        image = image / self.cap
        channels = torch.cat([image, (image > 0).to(image.dtype)], dim=1)
        features = nn.functional.avg_pool2d(self.stem(channels), 2)
        features = nn.functional.avg_pool2d(self.stage1(features), 2)
        features = self.stage2(features)
        local = self.local(features)
        deep = self.stage3(nn.functional.avg_pool2d(features, 2))
        rings = self.rings.to(deep.dtype).expand(image.shape[0], ORIENTATIONS, -1, -1, -1)
        by_orientation = torch.cat([deep.unflatten(1, (ORIENTATIONS, -1)), rings], dim=2)
        return local, self.over_rotations(self.invariant(by_orientation.flatten(1, 2)))

    def full_descriptor(self, invariants: Tensor) -> Tensor:
        """Descriptor (N, C * 4) before the projection, unit norm, of invariants (N,C,S/8,S/8)."""
        return nn.functional.normalize(self.centring(self.pooling(invariants)), dim=1)

    def project(self, full: Tensor) -> Tensor:
        """Principal components (N, descriptor_size), unit norm, of full descriptors (N, C * 4)."""
        return nn.functional.normalize((full - self.mean) @ self.projection, dim=1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N,1,S,S), float32 counts, to the descriptors (N, descriptor_size) and the oriented local features.

        The features are (N, 8 orientations, 8 fields, S/4, S/4), of unit norm at each place.
        """
        local, invariants = self.backbone(image)
        descriptor = self.project(self.full_descriptor(invariants))
        local = nn.functional.normalize(local, dim=1)
        return descriptor, local.unflatten(1, (ORIENTATIONS, LOCAL_FIELDS))
