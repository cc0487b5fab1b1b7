"""The depth network: from one image to depth, the scale of its error, and surface normals, at every pixel.

Convolutions on two scales, attention on a third, and a way back with what the finer scales know. Every subsampling is
anchored where the content says (`layers/shift`), so that a shift of the image by whole pixels, on the torus, shifts the
outputs and changes nothing else. It knows of no position but by what it sees: around an image is a margin of zeros.

Depth is that of a canonical camera, of FOCAL pixels (Yin et al., "Metric3D", 2023): metres are depth * f / FOCAL. The
point map is not predicted, it follows from depth and camera, so that the two agree whatever the intrinsics are (what
Dens3R, 2025, learns as an intrinsically invariant point map).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from isometry.models.layers.shift.anchoring import rolled
from isometry.models.layers.shift.attention import AnchoredAttention
from isometry.models.layers.shift.convolution import ConvolutionBlock, TorusConvolution
from isometry.models.layers.shift.patches import AnchoredPatches, to_pixels

FOCAL = 200.0  # pixels, of the canonical camera
MULTIPLE = 64  # of height and width: 16 pixels a cell, windows of 4 cells
PATCH, WINDOW = 4, 4
USUAL_LOG_DEPTH = 0.7  # two metres: where an untrained network begins
MOST_LOG_DEPTH = 6.0  # from there: 5 millimetres to 800 metres
USUAL_LOG_SCALE = -1.5


class Joining(nn.Module):
    """A coarse map, brought to the grid of the finer one it was subsampled from, and joined with it."""

    def __init__(self, coarse: int, fine: int, outputs: int) -> None:
        super().__init__()
        self.narrowing = nn.Conv2d(coarse, outputs, 1)
        self.skip = nn.Conv2d(fine, outputs, 1, bias=False)
        self.smoothing = nn.Sequential(
            nn.ReLU(), TorusConvolution(outputs, outputs, 3, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
        )

    def forward(self, coarse: Tensor, anchor: Tensor, fine: Tensor) -> Tensor:
        """Maps (N,C,H,W) with the anchor (N,2) of their grid, and (N,F,2H,2W), to maps (N,O,2H,2W)."""
        narrow = nn.functional.interpolate(self.narrowing(coarse), scale_factor=2.0, mode="nearest")
        return self.smoothing(rolled(narrow, anchor) + self.skip(fine))


class DepthNetwork(nn.Module):
    """Equivariant to shifts of the image by whole pixels on the torus."""

    def __init__(self, channels: tuple[int, int, int] = (32, 64, 128)) -> None:
        super().__init__()
        fine, middle, coarse = channels
        self.patches = AnchoredPatches(3, fine, PATCH, overlap=2)
        self.fine = nn.Sequential(ConvolutionBlock(fine), ConvolutionBlock(fine))
        self.to_middle = AnchoredPatches(fine, middle, 2)
        self.middle = nn.Sequential(*(ConvolutionBlock(middle) for _ in range(3)))
        self.to_coarse = AnchoredPatches(middle, coarse, 2)
        self.coarse = nn.Sequential(
            ConvolutionBlock(coarse),
            AnchoredAttention(coarse, 4, WINDOW),
            AnchoredAttention(coarse, 4, None),
            ConvolutionBlock(coarse),
            AnchoredAttention(coarse, 4, None),
        )
        self.up_to_middle = Joining(coarse, middle, middle)
        self.up_to_fine = Joining(middle, fine, fine + 16)
        self.head = TorusConvolution(fine + 16, 5 * PATCH**2, 3)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images (N,3,H,W), normalised, height and width multiples of 64, to three outputs.

        Depth (N,H,W) in metres of the canonical camera; the logarithm of the scale (N,H,W) of the error of the
        logarithm of depth, of Laplace's distribution; unit normals (N,3,H,W) towards the camera, in its axes.
        """
        patches, patch_anchor = self.patches(image)
        fine = self.fine(patches)
        merged, middle_anchor = self.to_middle(fine)
        middle = self.middle(merged)
        merged, coarse_anchor = self.to_coarse(middle)
        coarse = self.coarse(merged)
        middle = self.up_to_middle(coarse, coarse_anchor, middle)
        fine = self.up_to_fine(middle, middle_anchor, fine)
        found = to_pixels(self.head(fine), patch_anchor, PATCH)
        depth = torch.exp(found[:, 0].clamp(-MOST_LOG_DEPTH, MOST_LOG_DEPTH) + USUAL_LOG_DEPTH)
        towards = found[:, 2:] - found.new_tensor([0.0, 0.0, 1.0])[:, None, None]  # a wall in front of the camera
        normals = nn.functional.normalize(towards, dim=1)
        return depth, found[:, 1] + USUAL_LOG_SCALE, normals
