"""Clusters of points that are close together, seen from above."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from isometry.arrays import Array, Index

CELL_METRES = 0.2  # points of one cell belong together


def clusters(points: Array, links: Array) -> Index:
    """Number (N,), from 0 on, of the cluster of each point (N,2 or more), in metres. Height does not count.

    Two points are in one cluster if a chain of points connects them. Each point has a longest link, `links` (N,)
    metres: a step of the chain is, to within a cell, no longer than the longest links of both of its ends.
    """
    if not len(points):
        return np.zeros(0, np.intp)
    reach = int(links.max() / CELL_METRES)
    i, j = (np.floor(points[:, axis] / CELL_METRES).astype(np.int32) for axis in (0, 1))
    columns = int(np.ptp(j)) + 1 + 2 * reach
    cell = (i - i.min() + reach) * columns + j - j.min() + reach

    number = np.full(int(cell.max()) + reach * (columns + 1) + 1, -1, np.int32)  # of each cell that has points
    number[cell] = 0
    occupied = np.flatnonzero(number == 0).astype(np.int32)
    number[occupied] = np.arange(len(occupied), dtype=np.int32)
    of_point = number[cell]
    longest = np.zeros(len(occupied))
    np.maximum.at(longest, of_point, links)

    steps, lengths = _steps_onward(reach)
    near = number[occupied + (steps @ [columns, 1]).astype(np.int32)[:, None]]
    step, one = np.nonzero((near >= 0) & (lengths[:, None] <= longest))
    other = near[step, one]
    linked = lengths[step] <= longest[other]
    graph = sparse.coo_matrix((linked[linked], (one[linked], other[linked])), (len(occupied), len(occupied)))
    return np.asarray(connected_components(graph, directed=False)[1][of_point], np.intp)


def gathered(cluster: Index) -> tuple[Index, Index]:
    """Order (N,) that puts points cluster by cluster, and where in it each cluster starts (C,); numbers (N,) from 0."""
    order = np.argsort(cluster, kind="stable")
    return order, np.searchsorted(cluster[order], np.arange(cluster.max(initial=-1) + 1))


def _steps_onward(reach: int) -> tuple[Index, Array]:
    """Steps (K,2), in cells, to those neighbours that come later, and their lengths (K,) in metres."""
    i, j = np.meshgrid(np.arange(reach + 1), np.arange(-reach, reach + 1), indexing="ij")
    later = (i > 0) | (j > 0)
    return np.column_stack([i[later], j[later]]), np.hypot(i[later], j[later]) * CELL_METRES
