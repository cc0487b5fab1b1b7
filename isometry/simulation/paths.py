"""Paths on the ground plane: polylines that are sampled densely, and the distance along them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from isometry.arrays import Array


def densified(corners: Array, spacing_m: float) -> Array:
    """Points (N,2) at most `spacing_m` apart along straight legs between corners (K,2), without the last corner."""
    legs = [
        start + (end - start) * np.arange(0.0, 1.0, spacing_m / np.linalg.norm(end - start))[:, None]
        for start, end in pairwise(corners)
    ]
    return np.vstack(legs)


def distances_along(points: Array) -> Array:
    """Distance (N,) in metres from the first of the points (N,D) to each, along the line through them."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
