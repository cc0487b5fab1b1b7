"""Images on a polar grid, where a turn about the centre is a translation along the angle."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class PolarGrid(nn.Module):
    """From square images (N,K,S,S) to maps over radius and angle (N,K,S/2,angles), and back.

    Angles go counter-clockwise from the right where rows point down; radii by one cell of the image. Both ways are read
    between cells (bicubic). What lies outside the inscribed circle is lost, and empty on the way back. Exact under
    quarter turns, where 4 divides the number of angles.
    """

    there: Tensor
    back: Tensor

    def __init__(self, size: int, angles: int) -> None:
        super().__init__()
        if size % 2 or angles % 2:
            raise ValueError(f"a polar grid needs an even size and an even number of angles, not {size} and {angles}")
        self.shape = (size // 2, angles)
        radius = torch.arange(size // 2, dtype=torch.float64)[:, None] + 0.5
        angle = torch.arange(angles, dtype=torch.float64) * (2.0 * math.pi / angles)
        there = torch.stack([radius * torch.cos(angle), -radius * torch.sin(angle)], dim=-1) / (size / 2)
        across = torch.arange(size, dtype=torch.float64)[None, :].expand(size, -1) - (size - 1) / 2
        down = across.T
        # in cells of a polar map with BORDER more around
        row = torch.hypot(across, down) + BORDER
        column = torch.remainder(torch.atan2(-down, across), 2.0 * math.pi) * (angles / (2.0 * math.pi)) + BORDER + 0.5
        back = torch.stack([column / (angles / 2 + BORDER) - 1.0, row / (size / 4 + BORDER / 2) - 1.0], dim=-1)
        self.register_buffer("there", there[None], persistent=False)
        self.register_buffer("back", back[None], persistent=False)

    def polar(self, images: Tensor) -> Tensor:
        """Images (N,K,S,S) as maps (N,K,S/2,angles)."""
        return _read(images, self.there)

    def image(self, maps: Tensor) -> Tensor:
        """Maps (N,K,S/2,angles) as images (N,K,S,S)."""
        opposite = maps[..., :BORDER, :].flip(-2).roll(self.shape[1] // 2, -1)  # what lies beyond the centre
        whole = torch.cat([opposite, maps], dim=-2)
        return _read(torch.cat([whole[..., -BORDER:], whole, whole[..., :BORDER]], dim=-1), self.back)


BORDER = 2  # cells that bicubic interpolation looks beyond a map


def _read(maps: Tensor, places: Tensor) -> Tensor:
    places = places.to(maps.dtype).expand(maps.shape[0], -1, -1, -1)
    return nn.functional.grid_sample(maps, places, mode="bicubic", padding_mode="zeros", align_corners=False)
