"""The last step: alignment by small_gicp from a hypothesis."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import small_gicp
from scipy.spatial import cKDTree

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.types import Cloud

NEIGHBOURS = 10  # of a point, for its plane
PART_REACHES = 2.0  # the part of the source that is aligned, over the reach: it may move
MOST_OF_IT = 0.75  # share of the source near the target, above which all of it is aligned


class Refined(NamedTuple):
    """The result of an alignment."""

    T_target_source: Array  # (4,4)
    information: Array  # (6,6) Gauss-Newton's, of a small motion of the source in its own frame: rotation first
    inliers: int  # source points with a partner


class Surface:
    """A cloud for small_gicp: at one spacing, with the plane around each point."""

    def __init__(self, points: small_gicp.PointCloud, threads: int) -> None:
        self.points, self.threads = points, threads
        self.tree = small_gicp.KdTree(points, num_threads=threads)
        small_gicp.estimate_covariances(points, self.tree, num_neighbors=NEIGHBOURS, num_threads=threads)

    @classmethod
    def of(cls, cloud: Cloud, spacing: float, threads: int) -> Surface:
        """Of a cloud, `spacing` metres between points; none closer than the cloud's own resolution."""
        points = small_gicp.PointCloud(cloud.points)
        return cls(
            small_gicp.voxelgrid_sampling(points, spacing) if spacing > cloud.resolution * 1.001 else points, threads
        )

    @cached_property
    def positions(self) -> Array:
        """The points as an array (N,3)."""
        return np.asarray(self.points.points())[:, :3]

    @cached_property
    def _near(self) -> cKDTree:
        """A second search tree: small_gicp's searches everywhere for a partner that is out of reach."""
        return cKDTree(self.positions)

    def part_near(self, other: Surface, T_other_self: Array, metres: float) -> Surface | None:
        """The part within `metres` of another surface; itself where that is most of it, None where it is nothing."""
        moved = se3.apply(T_other_self, self.positions)
        near = np.isfinite(other._near.query(moved, distance_upper_bound=metres)[0])
        if near.mean() > MOST_OF_IT:
            return self
        if near.sum() < NEIGHBOURS:
            return None
        return Surface(small_gicp.PointCloud(self.positions[near]), self.threads)


def refine(target: Surface, source: Surface, T_initial: Array, reach: float, iterations: int) -> Refined:
    """Align by GICP (Segal, Haehnel and Thrun, 2009) from `T_initial` (4,4); partners lie within `reach` metres."""
    part = source.part_near(target, T_initial, PART_REACHES * reach)
    if part is None:
        return Refined(T_initial, np.zeros((6, 6)), 0)
    result = small_gicp.align(
        target.points,
        part.points,
        target.tree,
        T_initial,
        registration_type="GICP",
        max_correspondence_distance=reach,
        num_threads=target.threads,
        max_iterations=iterations,
    )
    return Refined(np.asarray(result.T_target_source), np.asarray(result.H), int(result.num_inliers))
