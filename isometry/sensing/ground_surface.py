"""The ground of a level cloud as a smooth surface, whatever the sensor's height, and the cloud above it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

Array = NDArray[np.float64]
CELL_METRES = 0.5  # the lowest point of each cell may be ground
NODE_METRES = 2.0  # between heights of the surface
SMOOTHING = 0.1  # weight of the surface's curvature against one lowest point
NEAR_METRES = 15.0  # around the sensor, where most of what is lowest is ground
ABOVE_WEIGHT = 0.2  # of a point above the surface, against one below
# Of each round: how far above the surface a point may lie to count as ground, at the sensor and more per metre of range
ROUNDS = (
    (0.3, 0.06),
    (0.3, 0.04),
    (0.4, 0.02),
    (0.3, 0.01),
    (0.3, 0.0),
    (0.3, 0.0),
    (0.3, 0.0),
    (0.3, 0.0),
    (0.3, 0.0),
)
BELOW_METRES = (2.0, 1.0, 1.0, 0.6, 0.6, 0.5, 0.5, 0.5, 0.5)  # the same below: lower ones are reflections


@dataclass(frozen=True)
class GroundSurface:
    """Heights of the ground, bilinear between nodes."""

    heights: Array  # (R,C) metres; node (i,j) stands at ((i,j) + first) * NODE_METRES
    first: NDArray[np.int64]  # (2,)

    def height_at(self, points: Array) -> Array:
        """Height (N,) in metres of the ground under or over points (N,2 or more); outside, that of the border."""
        index, fraction = _nodes(points, self.first, self.heights.shape)
        return np.asarray(
            sum(weight * self.heights.ravel()[node] for node, weight in _corners(index, fraction, self.heights.shape))
        )


def ground_surface(points: NDArray[np.floating]) -> GroundSurface:
    """The ground under a cloud (N,3) in metres, in a frame whose z points up.

    Asymmetric penalised least squares (Eilers, "A perfect smoother", 2003) on a grid: the surface bends as little as
    the lowest points allow, those above it pull less than those below, and from round to round fewer of those above
    are believed to be ground at all. It follows slopes, banks and kerbs, and bridges what is hidden. Raises ValueError
    for a cloud without points.
    """
    if len(points) == 0:
        raise ValueError("no points to find the ground under")
    low = _lowest(np.asarray(points[:, :3], np.float64))
    first = np.floor(low[:, :2].min(axis=0) / NODE_METRES).astype(np.int64)
    rows, columns = (np.floor(low[:, :2].max(axis=0) / NODE_METRES).astype(np.int64) - first + 2).tolist()
    index, fraction = _nodes(low, first, (rows, columns))
    corners = _corners(index, fraction, (rows, columns))
    interpolation = sparse.csr_matrix(
        (
            np.concatenate([weight for _, weight in corners]),
            (np.tile(np.arange(len(low)), 4), np.concatenate([node for node, _ in corners])),
        ),
        shape=(len(low), rows * columns),
    )
    penalty = SMOOTHING * _curvature(rows, columns)
    range_m = np.hypot(low[:, 0], low[:, 1])
    near = low[range_m < NEAR_METRES, 2]
    heights = np.full(rows * columns, np.median(near if len(near) else low[:, 2]))
    for (above, slope), below in zip(ROUNDS, BELOW_METRES, strict=True):
        over = low[:, 2] - interpolation @ heights
        ground = (over < above + slope * range_m) & (over > -below - slope * range_m)
        weight = np.where(over > 0.0, ABOVE_WEIGHT, 1.0) * ground
        weighted = interpolation.T @ sparse.diags(weight)
        heights = splu((weighted @ interpolation + penalty).tocsc()).solve(weighted @ low[:, 2])
    return GroundSurface(heights.reshape(rows, columns), first)


def above_ground(points: NDArray[np.floating], clearance: float = 0.3) -> NDArray[np.floating]:
    """The points (M,3) of a level cloud (N,3) that stand at least `clearance` metres above its `ground_surface`."""
    ground = ground_surface(points).height_at(np.asarray(points, np.float64))
    return np.compress(points[:, 2] - ground > clearance, points, axis=0)


def _lowest(points: Array) -> Array:
    """The lowest point (M,3) of each cell."""
    cells = np.floor(points[:, :2] / CELL_METRES).astype(np.int64)
    order = np.lexsort((points[:, 2], cells[:, 1], cells[:, 0]))
    new = np.append(True, np.diff(cells[order], axis=0).any(axis=1))
    lowest: Array = points[order[new]]
    return lowest


def _nodes(points: Array, first: NDArray[np.int64], shape: tuple[int, ...]) -> tuple[NDArray[np.int64], Array]:
    """The node (N,2) at the low corner of each point's square, and where in the square it lies (N,2), 0 to 1."""
    place = np.clip(points[:, :2] / NODE_METRES - first, 0.0, np.array(shape) - 1.001)
    index = np.floor(place).astype(np.int64)
    return index, place - index


def _corners(
    index: NDArray[np.int64], fraction: Array, shape: tuple[int, ...]
) -> list[tuple[NDArray[np.int64], Array]]:
    """Number (N,) and bilinear weight (N,) of the four nodes around each point."""
    corners = []
    for step in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = np.where(step, fraction, 1.0 - fraction).prod(axis=1)
        corners.append(((index[:, 0] + step[0]) * shape[1] + index[:, 1] + step[1], weight))
    return corners


def _curvature(rows: int, columns: int) -> sparse.csr_matrix:
    """Quadratic form (R*C,R*C) of the squared second differences of a grid."""

    def differences(count: int, stencil: list[float]) -> sparse.csr_matrix:
        width = len(stencil)
        return sparse.diags(stencil, list(range(width)), shape=(max(count - width + 1, 0), count), format="csr")

    second, slope = [1.0, -2.0, 1.0], [-1.0, 1.0]
    bends = sparse.vstack(
        [
            sparse.kron(differences(rows, second), sparse.identity(columns)),
            sparse.kron(sparse.identity(rows), differences(columns, second)),
            np.sqrt(2.0) * sparse.kron(differences(rows, slope), differences(columns, slope)),
        ]
    )
    # what no point holds down, as with fewer points than a plane has, stays near zero
    return (bends.T @ bends + 1e-9 * sparse.identity(rows * columns)).tocsr()
