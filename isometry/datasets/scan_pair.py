"""Pairs of clouds with a known transform, for the training and the evaluation of registration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import small_gicp
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from isometry.arrays import Array
from isometry.geometry import se3

REACH = 1.5  # voxels, between neighbouring points of two downsampled views of one surface


@dataclass(frozen=True)
class ScanPair:
    """Two clouds, each in the frame of its own sensor, in metres."""

    target: NDArray[np.float32]  # (N,3)
    source: NDArray[np.float32]  # (M,3)
    T_target_source: Array  # (4,4)
    target_viewpoint: Array | None  # (3,) position of the sensor in the frame of the target; None: unknown
    source_viewpoint: Array | None  # (3,) the same for the source
    name: str
    simulated: bool = False  # its noise and its poses are ideal then


def overlap(target: NDArray[np.floating], source: NDArray[np.floating], T_target_source: Array, voxel: float) -> float:
    """Share, 0 to 1, of the source (M,3) that overlaps the target (N,3), after downsampling to a `voxel` in metres.

    A source point overlaps when a target point is within 1.5 voxels. With a voxel of 2.5 cm this is the overlap of
    3DMatch (Zeng et al., CVPR 2017) as later work computes it. The overlap with a cloud without points is 0.
    """
    if len(target) == 0 or len(source) == 0:
        return 0.0
    coarse_target, coarse_source = (_downsampled(cloud, voxel) for cloud in (target, source))
    moved = se3.apply(T_target_source, coarse_source)
    distance, _ = cKDTree(coarse_target).query(moved, distance_upper_bound=REACH * voxel)
    return float(np.isfinite(distance).mean())


def _downsampled(points: NDArray[np.floating], voxel: float) -> Array:
    """One point (K,3) for each occupied voxel."""
    return np.asarray(small_gicp.voxelgrid_sampling(points.astype(np.float64), voxel).points())[:, :3]
