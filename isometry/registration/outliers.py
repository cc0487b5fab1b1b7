"""Points that no sensor measured: far off all others, as stray reflections and returns that were never filled in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array

BULK = 0.9  # share of the points around the middle of a cloud that are taken as measured
FURTHEST = 20.0  # distance of a measured point from the middle, over that within which the bulk lies
SAMPLE = 20_000  # points by which the bulk is measured


def measured(points: Array) -> NDArray[np.bool_]:
    """Whether each of finite points (N,3) may have been measured: not many times further off than the bulk of them.

    Points in one place, as the zeros of invalid returns, do not make the bulk small.
    """
    sample = points[:: max(1, len(points) // SAMPLE)]
    middle = np.median(sample, axis=0)
    with np.errstate(over="ignore"):  # infinitely far is far
        apart = _distance(sample, middle)
        apart = apart[apart > 0.0]
        if not len(apart):
            return np.ones(len(points), bool)
        near: NDArray[np.bool_] = _distance(points, middle) <= FURTHEST * np.quantile(apart, BULK)
    return near


def _distance(points: Array, middle: Array) -> Array:
    x, y, z = (points - middle).T
    return np.asarray(np.sqrt(x * x + y * y + z * z))
