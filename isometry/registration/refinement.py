"""The last step: alignment by small_gicp from a hypothesis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import small_gicp

from isometry.arrays import Array
from isometry.registration.types import Cloud

NEIGHBOURS = 10  # of a point, for its plane


class Refined(NamedTuple):
    """The result of an alignment."""

    T_target_source: Array  # (4,4)
    information: Array  # (6,6) Gauss-Newton's, of a small motion of the source in its own frame: rotation first
    inliers: int  # source points with a partner


class Surface:
    """A cloud for small_gicp: at one spacing, with the plane around each point."""

    def __init__(self, cloud: Cloud, spacing: float, threads: int) -> None:
        """`spacing` in metres between points; none closer than the cloud's own resolution."""
        points = small_gicp.PointCloud(cloud.points)
        if spacing > cloud.resolution * 1.001:
            points = small_gicp.voxelgrid_sampling(points, spacing)
        self.points, self.threads = points, threads
        self.tree = small_gicp.KdTree(points, num_threads=threads)
        small_gicp.estimate_covariances(points, self.tree, num_neighbors=NEIGHBOURS, num_threads=threads)


def refine(target: Surface, source: Surface, T_initial: Array, reach: float, iterations: int) -> Refined:
    """Align by GICP (Segal, Haehnel and Thrun, 2009) from `T_initial` (4,4); partners lie within `reach` metres."""
    result = small_gicp.align(
        target.points,
        source.points,
        target.tree,
        T_initial,
        registration_type="GICP",
        max_correspondence_distance=reach,
        num_threads=target.threads,
        max_iterations=iterations,
    )
    return Refined(np.asarray(result.T_target_source), np.asarray(result.H), int(result.num_inliers))
