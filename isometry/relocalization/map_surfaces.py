"""All of a map at one resolution, to which a scan is aligned at many poses, and compared."""

from __future__ import annotations

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
from isometry.registration.verification import Agreement, CachedCloud, one_way

SAMPLE = 300  # points of a scan that are compared with the map
FINAL_SAMPLE = 2_000  # where poses are compared that explain about as much of it


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

    def overlap(self, scan: CachedCloud, T_map_scan: Array, sample: int = SAMPLE) -> Array:
        """The same at poses that are aligned, by `sample` of its points."""
        return one_way(self._cached, scan, T_map_scan, ALIGNED_TOLERANCE * self.resolution, sample, ALONG)[0]

    def agreement(self, scan: CachedCloud, T_map_scan: Array, reach: float) -> Agreement:
        """How a scan agrees with the map within `reach` metres at poses (H,4,4) that are aligned.

        The contradiction is the share of the map's points that the scan sees through, as it would where the map has a
        cabinet that is not there; 0 for a scan without a viewpoint.
        """
        seen_through = np.array([self._seen_through(scan, T, reach) for T in T_map_scan])
        return Agreement(self.overlap(scan, T_map_scan, FINAL_SAMPLE), seen_through)

    def _seen_through(self, scan: CachedCloud, T_map_scan: Array, reach: float) -> float:
        if scan.visible is None:
            return 0.0
        points = self.cloud.points[self._cached.tree.query_ball_point(T_map_scan[:3, 3], reach)]
        points = np.random.default_rng(0).permutation(points)[:FINAL_SAMPLE]
        margin = ALIGNED_TOLERANCE * self.resolution
        through, known = scan.visible.seen_through(se3.apply(se3.inverse(T_map_scan), points), margin)
        return float(through.sum() / max(known.sum(), 1))
