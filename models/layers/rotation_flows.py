"""Turns by fixed angles a step: the angular velocities that a flow-equivariant memory holds a copy of itself for."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class RotationFlows(nn.Module):
    """Turns by -fastest to fastest steps of `step_deg` about the centre of a grid: S = 2 fastest + 1 of them.

    Counter-clockwise where rows point down and columns right. Each has a window of its own onto the grid, which turns
    with it; the windows lie below each other as tiles of one map (N,K,S*H,W). How many steps they have turned are their
    displacements (B,1,S). Maps are read between cells (bicubic) once on the way into a window and once on the way out,
    never in it: what is remembered does not blur, however long. Quarter turns of a square grid are exact. What lies
    outside the grid is empty; nothing within its inscribed circle is ever lost.
    """

    speeds: Tensor
    turns: Tensor

    def __init__(self, step_deg: float, fastest: int) -> None:
        super().__init__()
        whole = 360.0 / step_deg if step_deg > 0.0 else 0.0
        if whole < 1.0 or abs(whole - round(whole)) > 1e-9:
            raise ValueError(f"a step of {step_deg} degrees does not divide the circle")
        if not 0 <= 2 * fastest < round(whole):
            raise ValueError(f"{fastest} steps of {step_deg} degrees either way are not less than the circle")
        self.tiles = (2 * fastest + 1, 1)
        self.register_buffer("speeds", torch.arange(-fastest, fastest + 1)[None], persistent=False)
        angles = [2.0 * math.pi * k / round(whole) for k in range(round(whole))]
        turns = torch.tensor([[math.cos(a), math.sin(a)] for a in angles], dtype=torch.float64)
        turns[turns.abs() < 1e-12] = 0.0
        self.register_buffer("turns", turns, persistent=False)

    def lift(self, maps: Tensor, displacement: Tensor) -> Tensor:
        """Maps (N,K,H,W) as each window sees them (N,K,S*H,W)."""
        places = self._places(displacement, maps).flatten(1, 2)
        return _read(maps, places.expand(len(maps), -1, -1, -1))

    def lower(self, windows: Tensor, displacement: Tensor) -> Tensor:
        """Windows (N,K,S*H,W), each turned back to its place on the grid: the same shape."""
        count = self.tiles[0]
        apart = windows.unflatten(2, (count, -1)).transpose(1, 2)  # (N,S,K,H,W)
        places = self._places(-displacement, apart).expand(len(windows), -1, -1, -1, -1)
        turned = _read(apart.flatten(0, 1), places.flatten(0, 1))
        return turned.unflatten(0, (-1, count)).transpose(1, 2).flatten(2, 3)

    def highest(self, windows: Tensor, displacement: Tensor) -> Tensor:
        """The largest of all velocities at each place of the grid (N,K,H,W), of windows (N,K,S*H,W)."""
        return self.lower(windows, displacement).unflatten(2, (self.tiles[0], -1)).amax(dim=2)

    def without_newcomers(self, windows: Tensor, motion: Tensor, displacement: Tensor) -> Tensor:
        """The windows: what lies outside the grid was read as empty when it came in."""
        return windows

    def _places(self, displacement: Tensor, maps: Tensor) -> Tensor:
        """Where windows turned by steps (B,1,S) read maps (...,H,W), in units of half a map: (B,S,H,W,2)."""
        height, width = maps.shape[-2:]
        turns = self.turns.to(maps.dtype)[torch.remainder(displacement[:, 0], len(self.turns))]
        cosine, sine = turns[..., 0, None, None], turns[..., 1, None, None]
        y = (torch.arange(height, device=maps.device) - (height - 1) / 2).to(maps.dtype)[:, None]
        x = (torch.arange(width, device=maps.device) - (width - 1) / 2).to(maps.dtype)[None, :]
        across, down = (cosine * x + sine * y) / (width / 2), (cosine * y - sine * x) / (height / 2)
        return torch.stack([across, down], dim=-1)


def _read(maps: Tensor, places: Tensor) -> Tensor:
    return nn.functional.grid_sample(maps, places, mode="bicubic", padding_mode="zeros", align_corners=False)
