"""Turns by fixed angles a step: the angular velocities that a flow-equivariant memory holds a copy of itself for."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class RotationFlows(nn.Module):
    """Turns by -fastest to fastest steps of `step_deg` about the centre of a grid, 2 * fastest + 1 in all.

    Counter-clockwise where rows point down and columns right. Each has a window of its own, which turns with it, and a
    displacement (B,V,1): how many steps it has turned. Maps are read between cells (bicubic) once on the way into
    a window and once on the way out, never in it: what is remembered does not blur, however long. Quarter turns of a
    square grid are exact. What lies outside the grid is empty; nothing within its inscribed circle is ever lost.
    """

    velocities: Tensor
    turns: Tensor

    def __init__(self, step_deg: float, fastest: int) -> None:
        super().__init__()
        whole = 360.0 / step_deg if step_deg > 0.0 else 0.0
        if whole < 1.0 or abs(whole - round(whole)) > 1e-9:
            raise ValueError(f"a step of {step_deg} degrees does not divide the circle")
        if not 0 <= 2 * fastest < round(whole):
            raise ValueError(f"{fastest} steps of {step_deg} degrees either way are not less than the circle")
        self.grid = (2 * fastest + 1, 1)
        self.register_buffer("velocities", torch.arange(-fastest, fastest + 1)[:, None], persistent=False)
        angles = [2.0 * math.pi * k / round(whole) for k in range(round(whole))]
        turns = torch.tensor([[math.cos(a), math.sin(a)] for a in angles], dtype=torch.float64)
        turns[turns.abs() < 1e-12] = 0.0
        self.register_buffer("turns", turns, persistent=False)

    def lift(self, maps: Tensor, displacement: Tensor) -> Tensor:
        """Maps (N,K,H,W) as each window (B,V,1) sees them: (N,K,V,H,W)."""
        n, count = len(maps), displacement.shape[1]
        each = maps[:, None].expand(-1, count, -1, -1, -1).flatten(0, 1)
        return self._turned(each, displacement, n).unflatten(0, (n, count)).transpose(1, 2)

    def lower(self, windows: Tensor, displacement: Tensor) -> Tensor:
        """Windows (N,K,V,H,W), each turned back to its place on the grid: the same shape."""
        n, _, count = windows.shape[:3]
        each = windows.transpose(1, 2).flatten(0, 1)
        return self._turned(each, -displacement, n).unflatten(0, (n, count)).transpose(1, 2)

    def _turned(self, maps: Tensor, steps: Tensor, n: int) -> Tensor:
        """Maps (N*V,K,H,W), read on a grid that is turned by steps (B,V,1)."""
        height, width = maps.shape[2:]
        turns = self.turns.to(maps.dtype)[torch.remainder(steps[..., 0], len(self.turns))]
        cosine, sine = turns[..., 0, None, None], turns[..., 1, None, None]
        y = (torch.arange(height, device=maps.device) - (height - 1) / 2).to(maps.dtype)[:, None]
        x = (torch.arange(width, device=maps.device) - (width - 1) / 2).to(maps.dtype)[None, :]
        # grid_sample's unit is half the grid
        across, down = (cosine * x + sine * y) / (width / 2), (cosine * y - sine * x) / (height / 2)
        places = torch.stack([across, down], dim=-1).expand(n, -1, -1, -1, -1).flatten(0, 1)
        return nn.functional.grid_sample(maps, places, mode="bicubic", padding_mode="zeros", align_corners=False)
