"""The occupied cells of a bird's-eye grid that is fixed in the odometry's frame, and where each may have come from.

The grid never moves. Only the window around the robot does, by whole cells, so that the ego-motion needs no resampling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array

Rows = NDArray[np.integer]
FILLED = 1.0 / 12.0  # variance of points all over a cell
FEW = 3.0  # points: so many of a filled cell are added to the scatter of each cell
LEAST_SCATTER = 0.003  # square cells, added to the scatters of two cells


@dataclass(frozen=True)
class FlowGrid:
    """The grid that a flow memory was made for."""

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
    scatters: Array  # (K,2,2) of its points about the centroid, in square cells; near `FILLED` for few points
    counts: Rows  # (K,) points
    of_points: Rows  # (N,) row of the cell that each point falls in; -1: outside of the window, or not finite

    def __len__(self) -> int:
        return len(self.index)


def occupied_cells(points: NDArray[np.floating], centre: Array, grid: FlowGrid) -> OccupiedCells:
    """The cells that points (N,2 or more) in metres fall in, within the window around a `centre` (2,), by x, then y."""
    places = np.ascontiguousarray(points[:, :2].T, np.float64) / grid.cell  # axis by axis: numpy is faster that way
    first = np.floor(centre / grid.cell).astype(np.int64) - grid.reach  # the window's first cell
    kept, cells = _in_window(places, first, 2 * grid.reach)
    index, counts, rows = _numbered(cells, grid)
    of_points = np.full(len(points), -1)
    of_points[kept] = rows
    taken = rows >= 0
    from_middle = places[:, kept[taken]] - first[:, None] - cells[:, taken] - 0.5
    centroids, scatters = _moments(from_middle, rows[taken], counts)
    return OccupiedCells(index + first, centroids, scatters, counts, of_points)


def _in_window(places: Array, first: Rows, side: int) -> tuple[Rows, Rows]:
    """Indices (P,) of the places (2,N), in cells, inside a window of `side` cells, and their cells (2,P) in it."""
    with np.errstate(invalid="ignore"):
        offset = np.floor(places) - first[:, None]
        kept = np.flatnonzero((offset[0] >= 0) & (offset[0] < side) & (offset[1] >= 0) & (offset[1] < side))
    return kept, offset[:, kept].astype(np.int64)


def _numbered(cells: Rows, grid: FlowGrid) -> tuple[Rows, Rows, Rows]:
    """Occupied cells (K,2) of the window, their counts (K,), and the row (P,) of the cell of each point; -1: too many.

    `cells` (2,P) are those of the points.
    """
    side = 2 * grid.reach
    keys = cells[0] * side + cells[1]
    counts = np.bincount(keys, minlength=side**2)
    occupied = np.flatnonzero(counts)
    index = np.stack(np.divmod(occupied, side), axis=1)
    if len(occupied) > grid.most:
        nearest = np.sort(((index + 0.5 - grid.reach) ** 2).sum(axis=1).argsort(kind="stable")[: grid.most])
        occupied, index = occupied[nearest], index[nearest]
    row_of_key = np.full(len(counts), -1)
    row_of_key[occupied] = np.arange(len(occupied))
    return index, counts[occupied], row_of_key[keys]


def _moments(from_middle: Array, rows: Rows, counts: Rows) -> tuple[Array, Array]:
    """Centroids (K,2) and scatters (K,2,2) of points (2,P) that are in the cells of `rows` (P,)."""
    x, y = from_middle
    means = np.stack([np.bincount(rows, each, len(counts)) / counts for each in (x, y, x * x, x * y, y * y)])
    xx, xy, yy = means[2] - means[0] ** 2, means[3] - means[0] * means[1], means[4] - means[1] ** 2
    scatters = np.stack([xx, xy, xy, yy], axis=1).reshape(-1, 2, 2)
    scatters = (counts[:, None, None] * scatters + FEW * FILLED * np.eye(2)) / (counts + FEW)[:, None, None]
    return means[:2].T, scatters


def rows_at(cells: OccupiedCells, others: OccupiedCells, offsets: Rows) -> Rows:
    """For each cell (K) the row among `others` (M) of the cell that lies at each offset (V,2) from it; M for none."""
    if len(cells) == 0 or len(others) == 0:
        return np.full((len(cells), len(offsets)), len(others), np.int32)
    margin = np.abs(offsets).max(axis=0)
    first = np.minimum(cells.index.min(axis=0) - margin, others.index.min(axis=0))
    shape = np.maximum(cells.index.max(axis=0) + margin, others.index.max(axis=0)) + 1 - first
    rows = np.full(shape, len(others), np.int32)
    rows[tuple((others.index - first).T)] = np.arange(len(others))
    stride = np.array([shape[1], 1])
    return np.asarray(rows.ravel()[((cells.index - first) @ stride)[:, None] + offsets @ stride])


def residuals(now: OccupiedCells, rows: Rows, before: OccupiedCells, source: Rows) -> tuple[Array, Array]:
    """Motion (R,F,2), in cells, of the centroids of cells `rows` (R) beyond whole cells, and its information.

    `source` (R,F) are the rows among the cells before that they came from, by F flows. The information (R,F,2,2) is the
    inverse of the scatter of both cells' points: it is small along a face that fills its cells, as the centroids of
    these stay in the middle however the face moves. 0 where a flow comes from no occupied cell.
    """
    occupied = source < len(before)
    source = np.where(occupied, source, 0)
    moved = now.centroids[rows, None] - before.centroids[source]
    scatter = now.scatters[rows, None] + before.scatters[source] + LEAST_SCATTER * np.eye(2)
    return moved, inverses(scatter) * occupied[..., None, None]


def inverses(matrices: Array) -> Array:
    """Inverses (...,2,2) of matrices (...,2,2), in closed form: for many small ones several times as fast."""
    (a, b), (c, d) = np.moveaxis(matrices, (-2, -1), (0, 1))
    adjugate = np.stack([np.stack([d, -b], axis=-1), np.stack([-c, a], axis=-1)], axis=-2)
    return np.asarray(adjugate / (a * d - b * c)[..., None, None])


BESIDE = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
AROUND = np.stack(np.meshgrid(np.arange(-2, 3), np.arange(-2, 3), indexing="ij"), axis=-1).reshape(-1, 2)


def network_inputs(now: OccupiedCells, before: OccupiedCells, flows: Rows) -> dict[str, NDArray[Any]]:
    """The inputs of a step of the network (models/flow_memory.py) besides the state."""
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
