"""Which detection is of which track: the assignment of least cost, by motion and overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Array = NDArray[np.float64]
Index = NDArray[np.intp]

FORBIDDEN = 1e6


def associate(expected: Array, found: Array, gates: Array, allowed: NDArray[np.bool_]) -> tuple[Index, Index]:
    """Indices (K,), (K,) of the pairs of tracks and detections.

    Expected boxes (N,7) of the tracks, boxes (M,7) that were found, the reach (N,) of each track in metres, and which
    pairs (N,M) may be at all. The total cost of a pairing is the sum of squared distances in units of the reach.
    """
    difference = expected[:, None, :2] - found[None, :, :2]
    distance = np.sqrt((difference**2).sum(axis=-1)) / gates[:, None]
    cost = np.where((distance < 1.0) & allowed, distance**2 - 1.0, 0.0)
    tracks, detections = linear_sum_assignment(cost)
    kept = cost[tracks, detections] < 0.0
    return tracks[kept], detections[kept]
