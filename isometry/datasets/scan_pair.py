"""Two clouds of one place with the transform between them: what registration learns from and is judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import small_gicp
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from isometry.arrays import Array
from isometry.geometry import se3

REACH = 1.5  # voxels: two thinned views of one surface have points this near each other


@dataclass(frozen=True)
class ScanPair:
    """Two clouds, each in the frame of its own sensor, in metres."""

    target: NDArray[np.float32]  # (N,3)
    source: NDArray[np.float32]  # (M,3)
    T_target_source: Array  # (4,4)
    target_viewpoint: Array | None  # (3,) where the sensor stood in the frame of the target; None where nobody knows
    source_viewpoint: Array | None  # (3,) the same of the source
    name: str


def overlap(target: NDArray[np.floating], source: NDArray[np.floating], T_target_source: Array, voxel: float) -> float:
    """Share, 0 to 1, of the source (M,3) that the target (N,3) shows too; both are thinned to a `voxel` in metres.

    A point counts when the target has one within 1.5 voxels. With a voxel of 2.5 cm this is the overlap of 3DMatch
    (Zeng et al., CVPR 2017) as later work computes it. It is 0 for a cloud without points.
    """
    if len(target) == 0 or len(source) == 0:
        return 0.0
    thin_target, thin_source = (_thinned(cloud, voxel) for cloud in (target, source))
    distance, _ = cKDTree(thin_target).query(
        se3.apply(T_target_source, thin_source), distance_upper_bound=REACH * voxel
    )
    return float(np.isfinite(distance).mean())


def _thinned(points: NDArray[np.floating], voxel: float) -> Array:
    """One point a voxel (K,3)."""
    return np.asarray(small_gicp.voxelgrid_sampling(points.astype(np.float64), voxel).points())[:, :3]
