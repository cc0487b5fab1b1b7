"""Translations by whole cells a step: the velocities that a flow-equivariant memory holds a copy of itself for."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TranslationFlows(nn.Module):
    """All velocities of -fastest to fastest cells a step along each axis of a grid, (2 * fastest + 1)^2 in all.

    Each velocity has a window of its own, which moves with it, and a displacement: how far the window has moved.
    Displacements are whole cells (B,V,2) along rows and columns; B is 1 where all sequences of a batch share them.
    On a circular grid what leaves at one side comes in at the other. On an open one it is lost, and what comes in is
    empty; a window is then a ring buffer, of which only the cells that come in have to be touched.
    """

    velocities: Tensor

    def __init__(self, fastest: int, circular: bool) -> None:
        super().__init__()
        if fastest < 0:
            raise ValueError(f"the fastest translation is {fastest} cells a step, less than 0")
        self.circular = circular
        self.grid = (2 * fastest + 1, 2 * fastest + 1)  # of velocities: along rows, along columns
        speed = torch.arange(-fastest, fastest + 1)
        self.register_buffer("velocities", torch.cartesian_prod(speed, speed), persistent=False)

    def lift(self, maps: Tensor, displacement: Tensor) -> Tensor:
        """Maps (N,K,H,W) as each window (B,V,2) sees them: (N,K,V,H,W)."""
        height, width = maps.shape[2:]
        cells = self._cells(displacement, height, width)
        return _take(maps.flatten(2), cells.flatten(1)).unflatten(2, (-1, height, width))

    def lower(self, windows: Tensor, displacement: Tensor) -> Tensor:
        """Windows (N,K,V,H,W), each back at its place on the grid: the same shape."""
        count, height, width = windows.shape[2:]
        start = torch.arange(count, device=windows.device)[:, None] * (height * width)
        cells = self._cells(-displacement, height, width) + start
        return _take(windows.flatten(2), cells.flatten(1)).unflatten(2, (count, height, width))

    def stayed(self, motion: Tensor, displacement: Tensor, height: int, width: int) -> Tensor:
        """Which cells of the windows (B,1,V,H,W) were on the grid before the last `motion` (B,V,2) that led here."""
        rows, columns = (
            _on_grid(self._axis(displacement[..., axis], size) - motion[..., axis, None], size)
            for axis, size in enumerate((height, width))
        )
        return (rows[..., :, None] & columns[..., None, :])[:, None]

    def _cells(self, displacement: Tensor, height: int, width: int) -> Tensor:
        """For every cell of each window the number of the cell of the grid that it lies on, (B,V,H*W)."""
        rows = self._axis(displacement[..., 0], height) * width
        columns = self._axis(displacement[..., 1], width)
        return (rows[..., :, None] + columns[..., None, :]).flatten(2)

    def _axis(self, displacement: Tensor, size: int) -> Tensor:
        cells = torch.arange(size, device=displacement.device)
        return torch.remainder(cells + displacement[..., None], size)


def _on_grid(cells: Tensor, size: int) -> Tensor:
    return (cells >= 0) & (cells < size)


def _take(values: Tensor, cells: Tensor) -> Tensor:
    """Values (N,K,S) at the cells (B,T): (N,K,T)."""
    if len(cells) == 1:
        return values.index_select(2, cells[0])
    return values.gather(2, cells[:, None].expand(-1, values.shape[1], -1))
