"""All of a map at one resolution, to which a scan is aligned at many poses, and compared."""

from __future__ import annotations

from math import radians

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.candidates import (
    ALIGNED_TOLERANCE,
    ALONG,
    COARSE_ITERATIONS,
    COARSE_REACH,
    COARSE_TARGET,
    HYPOTHESIS_TOLERANCE,
)
from isometry.registration.preprocessing import at_resolution, with_normals
from isometry.registration.refinement import refine
from isometry.registration.types import Cloud
from isometry.registration.verification import CachedCloud, lie_on, one_way
from isometry.relocalization.contradictions import View
from isometry.relocalization.scan import Scan

VIEW_SAMPLE = 1_000  # points of a scan that are looked at in the map
SAMPLE = 300  # points of a scan that are compared with the map
FLAT_COSINE = 0.2  # of the angle between a ray and the normal of a surface
BETWEEN_RAYS = radians(1.0)  # of which one is measured, and one leads to a point
BESIDE = 3.0  # from the map, in units of the resolution: a point that has nothing of it near


class MapSurfaces:
    """A map thinned to one resolution, with what is derived from it."""

    def __init__(self, points: Array, resolution: float, up: Array | None) -> None:
        """`points` (N,3) are `resolution` metres apart; `up` (3,) is their vertical, None where it is not known."""
        self.resolution = resolution
        self.cloud = with_normals(points, resolution, None, up)
        self._cached = CachedCloud(self.cloud)

    def prepared(self, scan: Cloud) -> CachedCloud:
        """A scan at the resolution of the map."""
        return CachedCloud(at_resolution(scan, self.resolution))

    def aligned(self, scan: CachedCloud, T_map_scan: Array) -> Array:
        """The pose (4,4) of a scan after a coarse alignment from another one (4,4)."""
        target, source = (cloud.surface(COARSE_TARGET * self.resolution) for cloud in (self._cached, scan))
        return refine(target, source, T_map_scan, COARSE_REACH * self.resolution, COARSE_ITERATIONS).T_target_source

    def rough_overlap(self, scan: CachedCloud, T_map_scan: Array) -> Array:
        """Share (H,) of a scan's points that lie on surfaces of the map at poses (H,4,4) that are not aligned."""
        return one_way(self._cached, scan, T_map_scan, HYPOTHESIS_TOLERANCE * self.resolution, SAMPLE, 1.0)[0]

    def overlap(self, scan: CachedCloud, T_map_scan: Array) -> Array:
        """The same at poses that are aligned."""
        return one_way(self._cached, scan, T_map_scan, ALIGNED_TOLERANCE * self.resolution, SAMPLE, ALONG)[0]

    def view(self, scan: Scan, prepared: CachedCloud, T_map_scan: Array) -> View:
        """What a scan, also `prepared`, says against a pose (4,4) that is aligned.

        One without a viewpoint sees through nothing.
        """
        points, normals = prepared.sample(VIEW_SAMPLE)
        points, normals = se3.apply(T_map_scan, points), normals @ T_map_scan[:3, :3].T
        near = np.isfinite(self._cached.tree.query(points, distance_upper_bound=BESIDE * self.resolution)[0])
        tolerance = ALIGNED_TOLERANCE * self.resolution
        on_surface = lie_on(self._cached, points[near], normals[near], tolerance, ALONG, False)
        return View(
            self._seen_through(scan, T_map_scan), float(1.0 - near.mean()), float(on_surface.sum() / max(near.sum(), 1))
        )

    def _seen_through(self, scan: Scan, T_map_scan: Array) -> Array:
        """Points (N,3) of the map that a scan sees through, but for those on surfaces that it meets at a flat angle.

        The range of the ray beside may be another one there, by the angle between two rays.
        """
        if scan.visible is None:
            return np.zeros((0, 3))
        near = self._cached.tree.query_ball_point(T_map_scan[:3, 3], scan.reach)
        points, normals = self.cloud.points[near], self.cloud.normals[near]
        rays = points - se3.apply(T_map_scan, scan.visible.viewpoint)
        ranges = np.linalg.norm(rays, axis=1)
        cosine = np.abs(np.einsum("ij,ij->i", rays, normals)) / np.maximum(ranges, 1e-9)
        steep = cosine > FLAT_COSINE
        points, ranges, cosine = points[steep], ranges[steep], cosine[steep]
        seen = se3.apply(se3.inverse(T_map_scan), points)
        margin = ALIGNED_TOLERANCE * self.resolution + BETWEEN_RAYS * ranges * np.sqrt(1.0 - cosine**2) / cosine
        through, _ = scan.visible.seen_through(seen, margin)
        return np.asarray(points[through][scan.visible.measured(seen[through])])
