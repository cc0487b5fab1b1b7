"""The ground of a level cloud as a smooth surface, whatever the sensor's height, and the cloud above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from isometry.arrays import Array

CELL_METRES = 0.5  # the lowest point of each cell may be ground
NODE_METRES = 2.0  # default distance between nodes of the surface
SMOOTHING = 0.1  # weight of the surface's curvature against one lowest point
NEAR_METRES = 15.0  # around the sensor, where most of what is lowest is ground
ABOVE_WEIGHT = 0.2  # of a point above the surface, against one below
CLEARANCE_METRES = 0.3  # below it, a point above the surface may still be ground
# Of each round: how far above the surface a point may lie to count as ground, at the sensor; by how much this grows per
# metre of range; how far below it may lie, as lower points are reflections
ROUNDS = (
    (0.3, 0.06, 2.0),
    (0.3, 0.04, 1.0),
    (0.4, 0.02, 1.0),
    (0.3, 0.01, 0.6),
    (0.3, 0.0, 0.6),
    (0.3, 0.0, 0.5),
    (0.3, 0.0, 0.5),
    (0.3, 0.0, 0.5),
    (0.3, 0.0, 0.5),
)
FEWER_ROUNDS = (ROUNDS[1], *ROUNDS[3:7])  # nearly the same surface in half the time


@dataclass(frozen=True)
class GroundSurface:
    """Heights of the ground at the nodes of a grid, interpolated bilinearly between them."""

    heights: Array  # (R,C) metres; node (i,j) stands at ((i,j) + first) * node_metres
    first: NDArray[np.int64]  # (2,)
    node_metres: float = NODE_METRES

    def height_at(self, points: Array) -> Array:
        """Height (N,) in metres of the ground under or over points (N,2 or more); outside, that of the border."""
        node, x, y = _squares(points, self.first, self.heights.shape, self.node_metres)
        heights, columns = self.heights.ravel(), self.heights.shape[1]
        low, high = (heights[node + k] + y * (heights[node + k + 1] - heights[node + k]) for k in (0, columns))
        return np.asarray(low + x * (high - low))


def ground_surface(
    points: NDArray[np.floating],
    node_metres: float = NODE_METRES,
    rounds: Sequence[tuple[float, float, float]] = ROUNDS,
) -> GroundSurface:
    """The ground under a cloud (N,3) in metres, in a frame whose z points up.

    Asymmetric penalised least squares (Eilers, "A perfect smoother", 2003) on a grid. The surface bends as little as
    the lowest points allow. Points above it have less weight than points below, and each of `rounds` (see `ROUNDS`)
    takes fewer of those above as ground. The surface follows slopes, banks and kerbs and spans hidden parts; a larger
    `node_metres` blurs kerbs and takes less time. Raises ValueError for a cloud without points.
    """
    if len(points) == 0:
        raise ValueError("no points to find the ground under")
    low = _lowest(np.asarray(points[:, :3], np.float64))
    first = np.floor(low[:, :2].min(axis=0) / node_metres).astype(np.int64)
    rows, columns = (np.floor(low[:, :2].max(axis=0) / node_metres).astype(np.int64) - first + 2).tolist()
    node, x, y = _squares(low, first, (rows, columns), node_metres)
    nodes = node[:, None] + np.array([0, 1, columns, columns + 1])
    weights = np.column_stack([(1.0 - x) * (1.0 - y), (1.0 - x) * y, x * (1.0 - y), x * y])
    lowest, stiffness = _Terms(nodes, weights, (rows, columns)), SMOOTHING * _stiffness((rows, columns))
    range_m = np.hypot(low[:, 0], low[:, 1])
    near = low[range_m < NEAR_METRES, 2]
    heights = np.full(rows * columns, np.median(near if len(near) else low[:, 2]))
    for above, slope, below in rounds:
        over = low[:, 2] - lowest.sums(heights)
        ground = (over < above + slope * range_m) & (over > -below - slope * range_m)
        trust = np.where(over > 0.0, ABOVE_WEIGHT, 1.0) * ground
        matrix = lowest.matrix(trust) + stiffness
        heights = solveh_banded(
            matrix, lowest.pull(trust * low[:, 2]), overwrite_ab=True, lower=True, check_finite=False
        )
    return GroundSurface(heights.reshape(rows, columns), first, node_metres)


def above_ground(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """The points (M,3) of a level cloud (N,3) that lie more than `CLEARANCE_METRES` above its `ground_surface`."""
    ground = ground_surface(points).height_at(np.asarray(points, np.float64))
    return np.compress(points[:, 2] - ground > CLEARANCE_METRES, points, axis=0)


class _Terms:
    """M terms of a sum of squares; each is the weighted sum of the heights of a few nodes.

    A term connects nodes at most two rows of the grid apart. So, for a grid of C columns, the matrix of the normal
    equations has 2 C diagonals below the main one, and a banded Cholesky factor.
    """

    def __init__(self, nodes: NDArray[np.int64], weights: Array, shape: tuple[int, int]) -> None:
        """Numbers (M,K) of the nodes of each term, increasing, and their weights (M,K)."""
        self._nodes, self._weights = nodes, weights
        self._count, self._diagonals = shape[0] * shape[1], 2 * shape[1] + 1
        pairs = [(low, high) for high in range(nodes.shape[1]) for low in range(high + 1)]
        self._products = np.stack([weights[:, low] * weights[:, high] for low, high in pairs])
        diagonals = np.stack([nodes[:, high] - nodes[:, low] for low, high in pairs])
        self._places = (diagonals * self._count + np.stack([nodes[:, low] for low, _ in pairs])).ravel()

    def matrix(self, trust: Array) -> Array:
        """Diagonals (2C+1,R*C) of the normal equations' matrix, the main one first; `trust` (M,) weights the terms."""
        values = np.bincount(self._places, (self._products * trust).ravel(), self._diagonals * self._count)
        return np.asarray(values, np.float64).reshape(self._diagonals, self._count)

    def pull(self, values: Array) -> Array:
        """Right side (R*C,) of the normal equations for sums of `values` (M,), which are multiplied by the trust."""
        pull = np.bincount(self._nodes.ravel(), (self._weights * values[:, None]).ravel(), self._count)
        return np.asarray(pull, np.float64)

    def sums(self, heights: Array) -> Array:
        """The weighted sums (M,)."""
        return np.asarray(np.einsum("mk,mk->m", heights[self._nodes], self._weights))


def _lowest(points: Array) -> Array:
    """The lowest point (M,3) of each cell, the first one where several are as low."""
    i, j = (np.floor(points[:, axis] / CELL_METRES).astype(np.int64) for axis in (0, 1))
    cell = (i - i.min()) * (j.max() - j.min() + 1) + j - j.min()
    lowest = np.full(cell.max() + 1, np.inf)
    np.minimum.at(lowest, cell, points[:, 2])
    chosen = np.flatnonzero(points[:, 2] == lowest[cell])
    _, first = np.unique(cell[chosen], return_index=True)
    return points[chosen[first]]


def _squares(
    points: Array, first: NDArray[np.int64], shape: tuple[int, ...], node_metres: float
) -> tuple[NDArray[np.int64], Array, Array]:
    """Number (N,) of the node at the low corner of each point's square, and its x and y (N,) in the square, 0 to 1."""
    x, y = (np.clip(points[:, axis] / node_metres - first[axis], 0.0, shape[axis] - 1.001) for axis in (0, 1))
    i, j = x.astype(np.int64), y.astype(np.int64)
    return i * shape[1] + j, x - i, y - j


def _stiffness(shape: tuple[int, int]) -> Array:
    """Diagonals (2C+1,R*C), the main one first, of the quadratic form of a grid's squared second differences."""
    number = np.arange(shape[0] * shape[1]).reshape(shape)
    along, across = [number[:-2], number[1:-1], number[2:]], [number[:, :-2], number[:, 1:-1], number[:, 2:]]
    corners = [number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]]
    twist = np.sqrt(2.0) * np.array([1.0, -1.0, -1.0, 1.0])
    stiffness = np.zeros((2 * shape[1] + 1, number.size))
    for nodes, weights in ((along, [1.0, -2.0, 1.0]), (across, [1.0, -2.0, 1.0]), (corners, twist)):
        connected = np.stack([part.ravel() for part in nodes], axis=1)
        stiffness += _Terms(connected, np.tile(weights, (len(connected), 1)), shape).matrix(np.ones(len(connected)))
    stiffness[0] += 1e-9  # regular where the points do not determine a surface, as fewer than three do not
    return stiffness
