"""The occupied cells of a bird's-eye grid that lies still in the odometry's frame, and where each may have come from.

The grid never moves, only the window of it that is looked at, by whole cells: the robot's own motion needs no
resampling and leaves no trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
FILLED = 1.0 / 12.0  # variance of points all over a cell
FEW = 3.0  # points


@dataclass(frozen=True)
class FlowGrid:
    """What a flow memory was made for."""

    cell: float = 0.5  # metres
    reach: int = 80  # cells from the robot to the border of the window, along either axis
    most: int = 4000  # cells; of more that are occupied, the nearest ones count
    step_s: float = 0.2  # from one step to the next
    fastest: float = 7.0  # cells a step

    def flows(self) -> Rows:
        """All velocities (V,2) of whole cells a step that are no faster than `fastest`."""
        axis = np.arange(-int(self.fastest), int(self.fastest) + 1)
        flows = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
        return np.asarray(flows[(flows**2).sum(axis=1) <= self.fastest**2])


@dataclass(frozen=True)
class OccupiedCells:
    """The K cells of one scan that points fall in."""

    index: Rows  # (K,2) of the cell along x and y; cell (i,j) begins at i, j times its size
    centroids: Array  # (K,2) of its points, in cells, from the middle of the cell
    scatters: Array  # (K,2,2) of its points about the centroid, in square cells; of few points, as if it were filled
    counts: Rows  # (K,) points
    of_points: Rows  # (N,) row of the cell that each point falls in; -1: outside of the window, or not finite

    def __len__(self) -> int:
        return len(self.index)


def occupied_cells(points: NDArray[np.floating], centre: Array, grid: FlowGrid) -> OccupiedCells:
    """The cells that points (N,2 or more) in metres fall in, within the window around a `centre` (2,), by x, then y."""
    places = np.asarray(points[:, :2], np.float64) / grid.cell
    first = np.floor(centre / grid.cell).astype(np.int64) - grid.reach
    with np.errstate(invalid="ignore"):
        offset = np.floor(places) - first
        kept = np.flatnonzero(((offset >= 0) & (offset < 2 * grid.reach)).all(axis=1))
    places, offset = places[kept], offset[kept].astype(np.int64)
    keys, rows, counts = np.unique(offset @ [2 * grid.reach, 1], return_inverse=True, return_counts=True)
    index = np.stack(np.divmod(keys, 2 * grid.reach), axis=1)
    if len(index) > grid.most:
        nearest = ((index + 0.5 - grid.reach) ** 2).sum(axis=1).argsort(kind="stable")[: grid.most]
        number = np.full(len(index), -1)
        number[np.sort(nearest)] = np.arange(grid.most)
        inside = number[rows] >= 0
        kept, places, rows = kept[inside], places[inside], number[rows[inside]]
        index, counts = index[np.sort(nearest)], counts[np.sort(nearest)]
    index = index + first
    centroids = _means(places - index[rows] - 0.5, rows, counts)
    apart = places - index[rows] - 0.5 - centroids[rows]
    xx, xy, yy = _means(apart[:, [0, 0, 1]] * apart[:, [0, 1, 1]], rows, counts).T
    scatters = np.stack([xx, xy, xy, yy], axis=1).reshape(-1, 2, 2)
    scatters = (counts[:, None, None] * scatters + FEW * FILLED * np.eye(2)) / (counts + FEW)[:, None, None]
    of_points = np.full(len(points), -1)
    of_points[kept] = rows
    return OccupiedCells(index, centroids, scatters, counts, of_points)


def _means(values: Array, rows: Rows, counts: Rows) -> Array:
    """Means (K,A) over the values (N,A) of each cell."""
    sums = [np.bincount(rows, column, len(counts)) for column in values.T]
    return np.asarray(np.stack(sums, axis=1) / counts[:, None])


def rows_at(cells: OccupiedCells, others: OccupiedCells, offsets: Rows) -> Rows:
    """For each cell (K) the row among `others` (M) of the cell that lies at each offset (V,2) from it; M for none."""
    if len(cells) == 0 or len(others) == 0:
        return np.full((len(cells), len(offsets)), len(others))
    margin = np.abs(offsets).max(axis=0)
    first = np.minimum(cells.index.min(axis=0) - margin, others.index.min(axis=0))
    shape = np.maximum(cells.index.max(axis=0) + margin, others.index.max(axis=0)) + 1 - first
    rows = np.full(shape, len(others))
    rows[tuple((others.index - first).T)] = np.arange(len(others))
    stride = np.array([shape[1], 1])
    return np.asarray(rows.ravel()[((cells.index - first) @ stride)[:, None] + offsets @ stride])


BESIDE = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
AROUND = np.stack(np.meshgrid(np.arange(-2, 3), np.arange(-2, 3), indexing="ij"), axis=-1).reshape(-1, 2)


def network_inputs(now: OccupiedCells, before: OccupiedCells, flows: Rows) -> dict[str, NDArray[Any]]:
    """What a step of the network (models/flow_memory.py) takes besides the state."""
    crowded = (rows_at(now, now, AROUND) < len(now)).mean(axis=1)
    trace, determinant = (now.scatters.trace(axis1=1, axis2=2) / FILLED, np.linalg.det(now.scatters) / FILLED**2)
    features = np.stack([np.log(now.counts) / 4.0, crowded, trace, determinant], axis=1)
    return {
        "source": rows_at(now, before, -flows),
        "before": before.centroids.astype(np.float32),
        "now": now.centroids.astype(np.float32),
        "beside": rows_at(now, now, BESIDE),
        "features": features.astype(np.float32),
    }
