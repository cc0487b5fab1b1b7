"""Convolutions on the torus."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from isometry.models.layers.shift.anchoring import wrapped


class TorusConvolution(nn.Conv2d):
    """A convolution with circular padding, of which the output is as large as the input at stride 1."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int, **options: Any) -> None:
        super().__init__(inputs, outputs, kernel_size, **options)
        self.margin = kernel_size // 2

    def forward(self, features: Tensor) -> Tensor:
        """Maps (N,I,H,W) to maps (N,O,H,W)."""
        return super().forward(wrapped(features, self.margin))


class ConvolutionBlock(nn.Module):
    """Depth-wise convolution and mixing of channels, added to the input: Liu et al., "A ConvNet for the 2020s"."""

    def __init__(self, channels: int, kernel_size: int = 5, expansion: int = 2) -> None:
        super().__init__()
        self.spatial = TorusConvolution(channels, channels, kernel_size, groups=channels, bias=False)
        self.mixing = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, expansion * channels, 1),
            nn.ReLU(),
            nn.Conv2d(expansion * channels, channels, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Maps (N,C,H,W)."""
        return features + self.mixing(self.spatial(features))
