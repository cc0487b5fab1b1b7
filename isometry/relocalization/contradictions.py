"""What contradicts a pose: places of the map that the scans see through, as if what the map has there were gone.

Places are counted, not points: one lorry that left is one place, however much of a scan it fills. A part of the map
that is missing contradicts nothing, as nobody may have looked there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from isometry.arrays import Array

CELL, LEAST_CELL_M = 2.5, 0.5  # of the map: in units of the resolution of the scans, and at least so many metres
FEWEST_CELLS = 3  # of a place: fewer are an edge, seen from elsewhere
ONE_PLACE = 4.2  # cells between parts of one place: two sides of a lorry are seen, and not what joins them
LARGEST_MOVED_M = 20.0  # that leaves at once, as a lorry with its trailer; a longer place counts as several
TIMES_FEWEST = 2  # times as many places as contradict the best pose may contradict another one


class View(NamedTuple):
    """What one scan says against a pose."""

    seen_through: Array  # (N,3) metres, points of the map that the scan sees through
    beside: float  # share of the scan that has nothing of the map near it
    fits: float  # share of the rest that lies on surfaces of the map


class Contradictions:
    """The cells of a map that scans see through from one pose and where the robot drove from there."""

    def __init__(self, resolution: float) -> None:
        """`resolution` of the scans in metres."""
        self._cell = max(CELL * resolution, LEAST_CELL_M)
        self._cells = np.zeros((0, 3), np.int64)
        self._views = np.zeros(0, np.int64)  # in which each cell was seen through

    def add(self, view: View) -> None:
        """Take in one more view."""
        cells = np.unique(np.floor(view.seen_through / self._cell).astype(np.int64), axis=0)
        self._cells, inverse = np.unique(np.concatenate([self._cells, cells]), axis=0, return_inverse=True)
        views = np.concatenate([self._views, np.ones(len(cells), np.int64)])
        self._views = np.bincount(inverse.ravel(), views, len(self._cells)).astype(np.int64)

    def places(self, views: int = 1) -> int:
        """Connected places that were seen through in so many views at least."""
        return count_places(self._cells[self._views >= views], self._cell)


def count_places(cells: NDArray[np.int64], cell: float) -> int:
    """Connected places among cells (N,3) of `cell` metres; a long one counts once for each length that may move."""
    if len(cells) < FEWEST_CELLS:
        return 0
    tree = cKDTree(cells)
    _, label = connected_components(tree.sparse_distance_matrix(tree, ONE_PLACE))
    parts = [cells[label == number] for number in np.flatnonzero(np.bincount(label) >= FEWEST_CELLS)]
    return sum(1 + int(np.ptp(part, axis=0).max() * cell // LARGEST_MOVED_M) for part in parts)


def contradicted(places: int, fewest: int, changed: int) -> bool:
    """Whether a pose that so many places contradict is not the right one, where another pose has the `fewest`.

    `changed`: as many may have changed since the map was made, and more if the best pose is contradicted too.
    """
    return places > changed + TIMES_FEWEST * fewest
