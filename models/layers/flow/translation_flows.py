"""Translations by whole cells a step: the velocities of a flow-equivariant memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TranslationFlows(nn.Module):
    """All velocities of -fastest to fastest steps along each axis of a grid: P of them along rows, Q along columns.

    Each velocity has a window of its own onto the grid, which moves with it. The windows lie beside each other as tiles
    of one map (N,K,P*H,Q*W): velocities along rows from top to bottom, those along columns from left to right. How far
    they have moved is the same for a whole row or column of tiles: displacements (B,P+Q), int64 cells, are those of the
    P rows followed by those of the Q columns; B is 1 where all sequences of a batch share them.

    On a circular grid what leaves at one side enters at the other. On an open one it is lost, and the cells that enter
    are unknown; a window is then a ring buffer, in which only the entering cells are set.
    """

    speeds: Tensor

    def __init__(self, fastest: int | tuple[int, int], circular: bool, stride: int = 1) -> None:
        """`fastest` along both axes or along rows and columns, in steps of `stride` cells."""
        super().__init__()
        rows, columns = (fastest, fastest) if isinstance(fastest, int) else fastest
        if rows < 0 or columns < 0:
            raise ValueError(f"the fastest translation is {fastest} cells a step, less than 0")
        self.circular = circular
        self.tiles = (2 * rows + 1, 2 * columns + 1)
        speeds = torch.cat([torch.arange(-rows, rows + 1), torch.arange(-columns, columns + 1)])
        self.register_buffer("speeds", stride * speeds, persistent=False)

    def motion(self, own_shift: Tensor | None) -> Tensor:
        """How far each row and column of windows moves in a step, (B,P+Q): its speed and the robot's shift (B,2)."""
        if own_shift is None:
            return self.speeds[None]
        rows, columns = (own_shift[:, axis, None].expand(-1, self.tiles[axis]) for axis in (0, 1))
        return self.speeds + torch.cat([rows, columns], dim=1)

    def lift(self, maps: Tensor, displacement: Tensor) -> Tensor:
        """Maps (N,K,H,W) as each window sees them (N,K,P*H,Q*W)."""
        height, width = maps.shape[2:]
        columns = _take(maps, 3, _cells(self._along(displacement, 1), width))
        return _take(columns, 2, _cells(self._along(displacement, 0), height))

    def lower(self, windows: Tensor, displacement: Tensor) -> Tensor:
        """Windows (N,K,P*H,Q*W), each back at its place on the grid: the same shape."""
        return self._lower(self._lower(windows, 2, displacement), 3, displacement)

    def highest(self, windows: Tensor, displacement: Tensor) -> Tensor:
        """The largest of all velocities at each place of the grid (N,K,H,W), of windows (N,K,P*H,Q*W)."""
        rows = self._lower(windows, 2, displacement).unflatten(2, (self.tiles[0], -1)).amax(dim=2)
        return self._lower(rows, 3, displacement).unflatten(3, (self.tiles[1], -1)).amax(dim=3)

    def without_newcomers(self, windows: Tensor, motion: Tensor, displacement: Tensor, prior: float = 0.0) -> Tensor:
        """Windows (N,K,P*H,Q*W), `prior` where they came upon an open grid by the `motion` (B,P+Q) that led here."""
        if self.circular:
            return windows
        stayed = [
            _stayed(self._along(motion, axis), self._along(displacement, axis), windows.shape[2 + axis] // count)
            for axis, count in enumerate(self.tiles)
        ]
        here = (stayed[0][:, None, :, None] & stayed[1][:, None, None, :]).to(windows.dtype)
        return windows * here + prior * (1.0 - here)

    def _along(self, displacement: Tensor, axis: int) -> Tensor:
        return displacement[:, : self.tiles[0]] if axis == 0 else displacement[:, self.tiles[0] :]

    def _lower(self, windows: Tensor, dim: int, displacement: Tensor) -> Tensor:
        size = windows.shape[dim] // self.tiles[dim - 2]
        start = torch.arange(0, windows.shape[dim], size, device=windows.device)[:, None]
        return _take(windows, dim, _cells(-self._along(displacement, dim - 2), size) + start)


def _cells(displacement: Tensor, size: int) -> Tensor:
    """Where on an axis of the grid the cells of windows lie that have moved by displacements (B,S): (B,S,size)."""
    return torch.remainder(torch.arange(size, device=displacement.device) + displacement[..., None], size)


def _stayed(motion: Tensor, displacement: Tensor, size: int) -> Tensor:
    """Which cells of windows were on an open grid before a motion (B,S) that led to displacements (B,S): (B,S*size)."""
    before = _cells(displacement, size) - motion[..., None]
    return ((before >= 0) & (before < size)).flatten(1)


def _take(maps: Tensor, dim: int, cells: Tensor) -> Tensor:
    """Maps (N,K,H,W) with the cells (B,S,size) of dimension 2 or 3, one window after the other."""
    if cells.shape[0] == 1:
        return maps.index_select(dim, cells.flatten())
    flat = cells.flatten(1)
    if dim == 2:
        return maps.gather(2, flat[:, None, :, None].expand(-1, maps.shape[1], -1, maps.shape[3]))
    return maps.gather(3, flat[:, None, None, :].expand(-1, maps.shape[1], maps.shape[2], -1))
