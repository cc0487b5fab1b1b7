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

CELL, LEAST_CELL_M = 2.5, 0.5  # of the map: in units of the resolution, and at least so many metres
FEWEST_CELLS = 3  # of a place: fewer are an edge, seen from elsewhere
ONE_PLACE = 4.2  # cells between parts of one place: two sides of a lorry are seen, and not what joins them
LARGEST_MOVED_M = 20.0  # that leaves at once, as a lorry with its trailer; a longer place counts as several
TIMES_OTHER = 2  # times as many places as contradict another pose may contradict this one


class View(NamedTuple):
    """What one scan says against a pose."""

    seen_through: Array  # (N,3) metres, points of the map that the scan sees through
    beside: float  # share of the scan that has nothing of the map near it
    on_surface: float  # share of the rest that lies on surfaces of the map


class Contradictions:
    """The cells of a map that scans see through from one pose and where the robot drove from there, view by view."""

    def __init__(self, resolution: float) -> None:
        """`resolution` of the scans, or of a map that is as fine, in metres."""
        self._cell = max(CELL * resolution, LEAST_CELL_M)
        self._cells: dict[int, NDArray[np.int64]] = {}  # (N,3) by number of the view
        self._counted: dict[tuple[frozenset[int], int], int] = {}  # most poses share the same views

    @property
    def views(self) -> set[int]:
        """Numbers of the views that were taken in."""
        return set(self._cells)

    def add(self, number: int, view: View) -> None:
        """Take in a view."""
        self._cells[number] = np.unique(np.floor(view.seen_through / self._cell).astype(np.int64), axis=0)
        self._counted.clear()

    def places(self, views: set[int], fewest: int) -> int:
        """Connected places that were seen through in at least `fewest` of some views."""
        key = frozenset(views), fewest
        if key not in self._counted:
            self._counted[key] = self._count(views, fewest)
        return self._counted[key]

    def _count(self, views: set[int], fewest: int) -> int:
        cells = [self._cells[number] for number in views]
        all_cells, count = np.unique(np.concatenate([np.zeros((0, 3), np.int64), *cells]), axis=0, return_counts=True)
        return count_places(all_cells[count >= fewest], self._cell)


def count_places(cells: NDArray[np.int64], cell: float) -> int:
    """Connected places among cells (N,3) of `cell` metres; a long one counts once for each length that may move."""
    if len(cells) < FEWEST_CELLS:
        return 0
    tree = cKDTree(cells)
    _, label = connected_components(tree.sparse_distance_matrix(tree, ONE_PLACE))
    parts = [cells[label == number] for number in np.flatnonzero(np.bincount(label) >= FEWEST_CELLS)]
    return sum(1 + int(np.ptp(part, axis=0).max() * cell // LARGEST_MOVED_M) for part in parts)


def contradicted(places: int, of_other: int, changed: int) -> bool:
    """Whether a pose that so many places contradict is not the right one, where fewer contradict another pose.

    `changed`: as many may have changed since the map was made, and twice as many more as contradict the other pose.
    """
    return places > changed + TIMES_OTHER * of_other
