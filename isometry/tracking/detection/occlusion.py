"""Which ends of a cluster are hidden behind something nearer to the sensor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Index
from isometry.geometry import planar
from isometry.tracking.detection.oriented_boxes import repeat_per_cluster

BINS = 720  # of all directions around the sensor
BINS_BESIDE = 2  # on either side of a cluster; something nearer in them may hide the rest of it
SLOPES = np.linspace(-0.5, 0.5, 51)  # of lines of sight
NEARER_METRES = 0.3


def hidden_sides(points: Array, chosen: Index, starts: Index) -> NDArray[np.bool_]:
    """Whether something nearer is right beside each cluster (C,2), clockwise and counter-clockwise of it.

    It counts if it reaches up to the line of sight to the cluster's middle. The sensor is at the origin of the points
    (N,3), in metres. Those `chosen` (M,) belong to the clusters, cluster by cluster; each starts at `starts` (C,).
    """
    ranges, angles = np.hypot(points[:, 0], points[:, 1]), np.arctan2(points[:, 1], points[:, 0])
    slopes = points[:, 2] / np.maximum(ranges, 1e-9)
    nearest = np.full((BINS, len(SLOPES) + 1), np.inf)
    np.minimum.at(nearest, (_bin(angles), np.searchsorted(SLOPES, slopes)), ranges)
    nearest = np.minimum.accumulate(nearest[:, ::-1], axis=1)[:, ::-1]  # of all that reaches as high or higher

    first = angles[chosen[starts]]
    around = planar.wrapped(angles[chosen] - repeat_per_cluster(first, starts, len(chosen)))
    clockwise = _bin(first + np.minimum.reduceat(around, starts))
    counter = _bin(first + np.maximum.reduceat(around, starts))
    beside = np.arange(1, BINS_BESIDE + 1)
    bins = np.stack([clockwise[:, None] - beside, counter[:, None] + beside], axis=1) % BINS
    sizes = np.diff(starts, append=len(chosen))
    middle = np.searchsorted(SLOPES, np.add.reduceat(slopes[chosen], starts) / sizes)
    hiding = np.minimum.reduceat(ranges[chosen], starts) - NEARER_METRES
    return np.asarray(nearest[bins, middle[:, None, None]].min(axis=2) < hiding[:, None])


def _bin(angles: Array) -> Index:
    return np.asarray(np.floor(angles * (BINS / (2.0 * np.pi))).astype(np.intp) % BINS)
