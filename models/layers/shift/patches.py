"""Patch embedding that moves with the image, and the way back to its pixels."""

from __future__ import annotations

from torch import Tensor, nn

from isometry.models.layers.shift.anchoring import anchor_of, rolled, wrapped


class AnchoredPatches(nn.Module):
    """A strided convolution on the torus whose grid is anchored at the largest polyphase component."""

    def __init__(self, inputs: int, outputs: int, stride: int, overlap: int = 1) -> None:
        """A patch has `stride` pixels a side, and `overlap` more on every side."""
        super().__init__()
        self.stride, self.overlap = stride, overlap
        self.embedding = nn.Conv2d(inputs, outputs, stride + 2 * overlap, stride, bias=False)
        self.normalization = nn.BatchNorm2d(outputs)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (N,I,H,W) to patches (N,O,H/s,W/s) and their anchor (N,2), which `to_pixels` needs."""
        anchor = anchor_of(features, self.stride)
        anchored = wrapped(rolled(features, -anchor), self.overlap)
        return self.normalization(self.embedding(anchored)), anchor


def to_pixels(patches: Tensor, anchor: Tensor, stride: int) -> Tensor:
    """Maps (N,C,s*H,s*W) of patches (N,C*s*s,H,W), each with its own values for its pixels, moved back to the image."""
    return rolled(nn.functional.pixel_shuffle(patches, stride), anchor)
