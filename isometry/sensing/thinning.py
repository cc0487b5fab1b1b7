"""Thinning of clouds."""

from __future__ import annotations

import numpy as np
import small_gicp
from numpy.typing import NDArray

TALLEST_METRES = 100.0  # above or below the origin; small_gicp writes a line for each point beyond its voxels


def thinned(points: NDArray[np.floating], voxel: float, count: int, radius: float) -> NDArray[np.float32]:
    """At most `count` points (M,3) within `radius` metres of the vertical axis: one per voxel of `voxel` metres.

    Where there are more, every so many-th is kept. Points higher or lower than `TALLEST_METRES` are left out.
    """
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    inside = (x * x + y * y <= radius**2) & (np.abs(z) <= TALLEST_METRES)
    near = np.compress(inside, points, axis=0).astype(np.float64)
    sampled = np.asarray(small_gicp.voxelgrid_sampling(near, voxel).points())[:, :3]
    if len(sampled) > count:
        sampled = sampled[np.linspace(0, len(sampled) - 1, count).astype(int)]
    return sampled.astype(np.float32)
