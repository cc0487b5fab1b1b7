"""The agreement of two clouds at a transform: surfaces lie on surfaces, and no ray passes through one."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.preprocessing import at_resolution
from isometry.registration.refinement import Surface
from isometry.registration.types import Cloud
from isometry.registration.upright.directions import half_sphere
from isometry.registration.visibility import VisibleRange

BUCKETS = 48  # of orientations of normals, from which points are sampled evenly
NEIGHBOURS = 12  # of a point, to tell a surface from a line
LEAST_WIDTH = 0.15  # variance across over along the longest direction of a surface
FEWEST_SURFACES = 0.2  # share of the points
PARALLEL_COSINE = 0.7  # of two normals of one surface
CONTRADICTION_WEIGHT = 2.5  # of a contradicting point against one that lies on a surface


class Agreement(NamedTuple):
    """How two clouds agree at H transforms: shares of sampled points of both, 0 to 1."""

    overlap: Array  # (H,) points on a surface of the other cloud with a similar normal
    contradiction: Array  # (H,) points in front of what the other sensor measured there; 0 without a viewpoint

    @property
    def score(self) -> Array:
        """Rank of the hypotheses (H,)."""
        return self.overlap - CONTRADICTION_WEIGHT * self.contradiction


class CachedCloud:
    """A cloud and what is derived from it, each computed at its first use."""

    def __init__(self, cloud: Cloud, threads: int = 1) -> None:
        self.cloud, self.threads = cloud, threads
        self._coarser: dict[float, CachedCloud] = {}
        self._surfaces: dict[float, Surface] = {}

    def at(self, resolution: float) -> CachedCloud:
        """The cloud with points spaced `resolution` metres apart; itself where it is as coarse already."""
        if resolution not in self._coarser:
            coarser = at_resolution(self.cloud, resolution)
            if coarser is self.cloud:
                return self  # not kept: a cycle of references would keep the search trees alive
            self._coarser[resolution] = CachedCloud(coarser, self.threads)
        return self._coarser[resolution]

    def surface(self, spacing: float) -> Surface:
        """The cloud for the alignment, with `spacing` metres between points."""
        if spacing not in self._surfaces:
            self._surfaces[spacing] = Surface.of(self.cloud, spacing, self.threads)
        return self._surfaces[spacing]

    @cached_property
    def tree(self) -> cKDTree:
        """Search tree of the points."""
        return cKDTree(self.cloud.points)

    @cached_property
    def visible(self) -> VisibleRange | None:
        """Ranges that the sensor measured; None for a cloud without a viewpoint."""
        cloud = self.cloud
        return None if cloud.viewpoint is None else VisibleRange(cloud.points, cloud.viewpoint)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Numbers (M,) of the points on surfaces; the first ones cover all orientations of surfaces evenly.

        Normal-space sampling (Rusinkiewicz and Levoy, 2001). A random sample of a street would mostly be ground, which
        agrees with the ground of any other street.
        """
        buckets = np.abs(self.cloud.normals @ half_sphere(BUCKETS).T).argmax(axis=1)
        shuffled = np.random.default_rng(0).permutation(len(buckets))
        if len(buckets) > NEIGHBOURS:
            shuffled = shuffled[self.on_surfaces[shuffled]]
        by_bucket = shuffled[np.argsort(buckets[shuffled], kind="stable")]
        counts = np.bincount(buckets[shuffled], minlength=BUCKETS)
        rank = np.arange(len(shuffled)) - np.repeat(np.cumsum(counts) - counts, counts)
        return by_bucket[np.argsort(rank, kind="stable")]

    @cached_property
    def on_surfaces(self) -> NDArray[np.bool_]:
        """Whether the neighbourhood of each point (N,) is a surface, of which it has the normal.

        Where the beams of a sensor are far apart, the neighbours of a point lie along the line of one beam. Such
        normals turn with the pattern of beams, and two scans of a tunnel would agree best where their patterns do.
        Where few points have surfaces, all count.
        """
        points = self.cloud.points
        _, neighbours = self.tree.query(points, NEIGHBOURS)
        patches = points[neighbours] - points[neighbours].mean(axis=1, keepdims=True)
        variances = np.linalg.eigvalsh(np.einsum("nki,nkj->nij", patches, patches))
        wide: NDArray[np.bool_] = variances[:, 1] > LEAST_WIDTH * variances[:, 2]
        return wide if wide.mean() > FEWEST_SURFACES else np.ones(len(points), bool)

    def sample(self, count: int) -> tuple[Array, Array]:
        """Points and normals (count,3), evenly over the orientations of surfaces."""
        chosen = self.order[:count]
        return self.cloud.points[chosen], self.cloud.normals[chosen]


def agreement(
    target: CachedCloud,
    source: CachedCloud,
    T_target_source: Array,
    tolerance: float,
    count: int = 300,
    along: float = 1.0,
) -> Agreement:
    """Compare two clouds at transforms (H,4,4), by `count` points of each; `tolerance` in metres.

    A point lies on a surface where it is nearer than the tolerance to the plane of the nearest point, which may be
    `along` times as far away along the surface. Where beams are far apart on it, only with more than 1 do two scans of
    one surface agree as well as a scan does with its own pattern of beams.
    """
    forward = one_way(target, source, T_target_source, tolerance, count, along)
    backward = one_way(source, target, se3.inverse(T_target_source), tolerance, count, along)
    contradictions = [contradiction for _, contradiction in (forward, backward) if contradiction is not None]
    seen_through = np.mean(contradictions, axis=0) if contradictions else np.zeros(len(T_target_source))
    return Agreement((forward[0] + backward[0]) / 2.0, seen_through)


def lie_on(
    fixed: CachedCloud, points: Array, normals: Array, tolerance: float, along: float, oriented: bool
) -> NDArray[np.bool_]:
    """Whether each point (N,3) with its normal (N,3) lies on a surface of a cloud; see `agreement` for the distances.

    `oriented`: both sides of a surface are told apart, as normals point to the sensor.
    """
    distance, nearest = fixed.tree.query(points, distance_upper_bound=along * tolerance)
    near = np.isfinite(distance)
    nearest = np.where(near, nearest, 0)
    found = fixed.cloud.normals[nearest]
    near &= np.abs(np.einsum("ij,ij->i", points - fixed.cloud.points[nearest], found)) < tolerance
    cosine = np.einsum("ij,ij->i", normals, found)
    on_surface: NDArray[np.bool_] = near & ((cosine if oriented else np.abs(cosine)) > PARALLEL_COSINE)
    return on_surface


def one_way(
    fixed: CachedCloud, moving: CachedCloud, T_fixed_moving: Array, tolerance: float, count: int, along: float
) -> tuple[Array, Array | None]:
    """Shares (H,) of `count` points of the moving cloud: on a surface of the fixed one, and in front of what it saw.

    The second is None for a fixed cloud without a viewpoint. Other arguments as for `agreement`.
    """
    points, normals = moving.sample(count)
    turning = T_fixed_moving[:, :3, :3].swapaxes(1, 2)
    moved = points @ turning + T_fixed_moving[:, None, :3, 3]
    oriented = fixed.visible is not None and moving.visible is not None
    turned = (normals @ turning).reshape(-1, 3)
    on_surface = lie_on(fixed, moved.reshape(-1, 3), turned, tolerance, along, oriented).reshape(moved.shape[:2])
    if fixed.visible is None:
        return on_surface.mean(axis=1), None
    through, known = fixed.visible.seen_through(moved, tolerance)
    return on_surface.mean(axis=1), through.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
