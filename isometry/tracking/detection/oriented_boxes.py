"""Rectangles around clusters of points, seen from above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array, Index
from isometry.geometry import planar

COARSE_YAWS = np.radians(np.arange(0.0, 90.0, 5.0))
FINE_YAWS = np.radians(np.arange(-2.0, 2.5, 1.0))  # around the best of the coarse ones
CLOSEST_METRES = 0.05  # a point nearer to a side than that counts as on it
SQUARE_METRES = 0.15  # points of one square count as one: a vertical side has many above one another


@dataclass(frozen=True)
class Rectangles:
    """C rectangles, by their extent in frames that are turned about the origin."""

    yaw: Array  # (C,) radians, the turn of each frame
    low: Array  # (C,2) metres, least coordinates in that frame
    high: Array  # (C,2) largest ones

    @property
    def sides(self) -> Array:
        """Metres (C,2) along yaw and across."""
        return self.high - self.low

    @property
    def centres(self) -> Array:
        """Middles (C,2) in metres."""
        return np.asarray(np.einsum("cij,cj->ci", planar.rotations(self.yaw), (self.low + self.high) / 2.0))


def fitted_rectangles(points: Array, starts: Index) -> Rectangles:
    """The rectangle around each cluster; points (N,2) in metres, cluster by cluster, and where each one starts (C,).

    Its direction is the one in which the points are closest to the sides: L-shape fitting by search with the closeness
    criterion (Zhang et al., "Efficient L-Shape Fitting for Vehicle Detection Using Laser Scanners", IV 2017).
    """
    thin, thin_starts = _one_a_square(points, starts)
    coarse = _closest(thin, thin_starts, np.broadcast_to(COARSE_YAWS[:, None], (len(COARSE_YAWS), len(starts))))
    yaw = _closest(thin, thin_starts, coarse + FINE_YAWS[:, None])
    along = in_frames(points, starts, yaw)
    return Rectangles(yaw, np.minimum.reduceat(along, starts, axis=1).T, np.maximum.reduceat(along, starts, axis=1).T)


def in_frames(points: Array, starts: Index, yaws: Array) -> Array:
    """Coordinates (2,...,N) of points (N,2) in frames that are turned by `yaws` (...,C), one for each cluster."""
    c, s = (repeat_per_cluster(values, starts, len(points)) for values in (np.cos(yaws), np.sin(yaws)))
    x, y = points.T
    return np.stack([c * x + s * y, c * y - s * x])


def repeat_per_cluster(values: Array, starts: Index, count: int) -> Array:
    """Values (...,C) of clusters, repeated (...,N) for each of their `count` points."""
    return np.repeat(values, np.diff(starts, append=count), axis=-1)


def _closest(points: Array, starts: Index, yaws: Array) -> Array:
    """For each cluster the direction (C,), among (K,C), whose rectangle has its sides closest to the points."""
    along = in_frames(points, starts, yaws)
    low = repeat_per_cluster(np.minimum.reduceat(along, starts, axis=2), starts, len(points))
    high = repeat_per_cluster(np.maximum.reduceat(along, starts, axis=2), starts, len(points))
    distance = np.minimum(along - low, high - along).min(axis=0)
    closeness = np.add.reduceat(1.0 / np.maximum(distance, CLOSEST_METRES), starts, axis=1)
    best: Array = np.take_along_axis(yaws, closeness.argmax(axis=0)[None], axis=0)[0]
    return best


def _one_a_square(points: Array, starts: Index) -> tuple[Array, Index]:
    """Means (M,2) of the points of each cluster in each square of a grid, and where the clusters start (C,) there."""
    i, j = (np.floor(points[:, axis] / SQUARE_METRES).astype(np.intp) for axis in (0, 1))
    i, j = i - i.min(), j - j.min()
    squares = (i.max() + 1) * (j.max() + 1)
    cluster = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(points)))
    keys, inverse, counts = np.unique(
        cluster * squares + i * (j.max() + 1) + j, return_inverse=True, return_counts=True
    )
    means = np.column_stack([np.bincount(inverse, points[:, axis]) / counts for axis in (0, 1)])
    return means, np.searchsorted(keys, np.arange(len(starts)) * squares)
