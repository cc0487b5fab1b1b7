"""Translations by whole cells a step: the velocities that a flow-equivariant memory holds a copy of itself for."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TranslationFlows(nn.Module):
    """All velocities of -fastest to fastest cells a step along each axis of a grid: S x S of them, S = 2 fastest + 1.

    Each velocity has a window of its own onto the grid, which moves with it. The windows lie beside each other as tiles
    of one map (N,K,S*H,S*W): velocities along rows from top to bottom, those along columns from left to right. How far
    they have moved is the same for a whole row or column of tiles: displacements are whole cells (B,2,S), for each axis
    and speed; B is 1 where all sequences of a batch share them.

    On a circular grid what leaves at one side comes in at the other. On an open one it is lost, and what comes in is
    empty; a window is then a ring buffer, of which only the cells that come in have to be touched.
    """

    speeds: Tensor

    def __init__(self, fastest: int, circular: bool) -> None:
        super().__init__()
        if fastest < 0:
            raise ValueError(f"the fastest translation is {fastest} cells a step, less than 0")
        self.circular = circular
        self.tiles = (2 * fastest + 1, 2 * fastest + 1)
        self.register_buffer("speeds", torch.arange(-fastest, fastest + 1).expand(2, -1).clone(), persistent=False)

    def lift(self, maps: Tensor, displacement: Tensor) -> Tensor:
        """Maps (N,K,H,W) as each window sees them (N,K,S*H,S*W)."""
        height, width = maps.shape[2:]
        columns = _take(maps, 3, _cells(displacement[:, 1], width).flatten(1))
        return _take(columns, 2, _cells(displacement[:, 0], height).flatten(1))

    def lower(self, windows: Tensor, displacement: Tensor) -> Tensor:
        """Windows (N,K,S*H,S*W), each back at its place on the grid: the same shape."""
        return self._lower(self._lower(windows, 2, displacement), 3, displacement)

    def highest(self, windows: Tensor, displacement: Tensor) -> Tensor:
        """The largest of all velocities at each place of the grid (N,K,H,W), of windows (N,K,S*H,S*W)."""
        speeds = self.tiles[0]
        rows = self._lower(windows, 2, displacement).unflatten(2, (speeds, -1)).amax(dim=2)
        return self._lower(rows, 3, displacement).unflatten(3, (speeds, -1)).amax(dim=3)

    def without_newcomers(self, windows: Tensor, motion: Tensor, displacement: Tensor) -> Tensor:
        """Windows (N,K,S*H,S*W), emptied where they came upon an open grid by the `motion` (B,2,S) that led here."""
        if self.circular:
            return windows
        for axis, speeds in enumerate(self.tiles):
            size = windows.shape[2 + axis] // speeds
            before = _cells(displacement[:, axis], size) - motion[:, axis, :, None]
            stayed = ((before >= 0) & (before < size)).flatten(1).to(windows.dtype)
            windows = windows * (stayed[:, None, :, None] if axis == 0 else stayed[:, None, None, :])
        return windows

    def _lower(self, windows: Tensor, dim: int, displacement: Tensor) -> Tensor:
        size = windows.shape[dim] // self.tiles[dim - 2]
        start = torch.arange(0, windows.shape[dim], size, device=windows.device)[:, None]
        return _take(windows, dim, (_cells(-displacement[:, dim - 2], size) + start).flatten(1))


def _cells(displacement: Tensor, size: int) -> Tensor:
    """Where on an axis of the grid the cells of windows lie that have moved by displacements (B,S): (B,S,size)."""
    return torch.remainder(torch.arange(size, device=displacement.device) + displacement[..., None], size)


def _take(maps: Tensor, dim: int, cells: Tensor) -> Tensor:
    """Maps (N,K,H,W) with the cells (B,T) of dimension 2 or 3."""
    if len(cells) == 1:
        return maps.index_select(dim, cells[0])
    if dim == 2:
        return maps.gather(2, cells[:, None, :, None].expand(-1, maps.shape[1], -1, maps.shape[3]))
    return maps.gather(3, cells[:, None, None, :].expand(-1, maps.shape[1], maps.shape[2], -1))
