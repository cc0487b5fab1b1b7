"""LiDAR odometry, top to bottom: each scan is aligned with a voxel map of the scans before it.

    scan -> motion compensated -> within range -> thinned, with the plane around each point          scan.py
                                                     and the directions that its surfaces hold        degeneracy.py
    pose predicted at constant velocity -> VGICP to the local map -> does it fit?
    -> the prediction, corrected in the held directions                                               motion.py
    -> added to the map

Source: VGICP (Koide et al., "Voxelized GICP for fast and accurate 3D point cloud registration", ICRA 2021) as
small_gicp implements it, with the constant-velocity prediction and compensation of KISS-ICP (Vizzo et al., RA-L 2023).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import small_gicp
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from isometry.arrays import Array, Flags
from isometry.geometry import covariance, degeneracy, se3
from isometry.lidar_odometry.motion import ConstantVelocity, twist_of
from isometry.lidar_odometry.parameters import LidarOdometryParameters
from isometry.lidar_odometry.scan import Scan, compensated, thinned, voxel_size, within_range

REACH_VOXELS = 2.0  # largest distance between corresponding points
COARSE = 3.0  # voxel size of the second local map over the first: it aligns scans that are too far off for the first
ITERATIONS = 30
REMOVE_AFTER, REMOVE_EVERY = 100, 10  # scans until voxels without points are removed, and between removals
RESIZE = 2.0  # ratio of voxel sizes, by the range of scans and of the local map, at which the map starts again
UNHELD = 0.5  # least share of the motion along an axis that nothing holds, for the axis to be named
MISSED = 0.5  # least share of the motion along a direction that the scan holds, but not where it was aligned
MOST_STARTS, SIGMAS = 8, 3.0  # alignments to each side along it, which cover so many standard deviations of the speed
PARALLEL_COSINE = 0.7  # of the normals of one surface in the scan and in the local map
COVARIANCE_SCALE = 8.0  # errors of neighbouring points are not independent


@dataclass(frozen=True)
class OdometryStep:
    """The result of one scan. When `fits` is false, pose and twist are predictions with large covariances."""

    T_odom_base: Array  # (4,4)
    covariance: Array  # (6,6) x, y, z, roll, pitch, yaw of the base in the odometry's frame; metres, radians
    twist: Array  # (6,) of the base in its own frame: metres a second, then radians a second
    twist_covariance: Array  # (6,6)
    fits: bool
    overlap: float  # share of the scan that lies in the local map, 0 to 1
    free: Array  # (6,) share, 0 to 1, of a motion along and about each axis of the base that no surface holds
    restarted: bool  # the local map starts with this scan
    seconds: float

    @property
    def unheld(self) -> list[str]:
        """The axes of the base along or about which the surfaces do not hold the motion: it is the prediction."""
        return [axis for axis, share in zip(covariance.AXES, self.free, strict=True) if share >= UNHELD]


class LidarOdometry:
    """Tracks the base from scan to scan; its frame at the first scan is the odometry's frame.

    Between scans a constant velocity is assumed. The pose of a scan that does not fit the local map is the prediction;
    after `restart_after` such scans in a row the local map starts again at the prediction. So it is in directions that
    the surfaces of a scan do not hold, such as along an even tunnel.
    """

    def __init__(self, parameters: LidarOdometryParameters) -> None:
        self.parameters = parameters
        self.reset()

    def reset(self) -> None:
        """Start again: the next scan is the first."""
        self._T_odom_base, self._motion = np.eye(4), ConstantVelocity()
        self._stamp_ns: int | None = None
        self._maps: list[small_gicp.GaussianVoxelMap] = []  # of voxels of one size and of COARSE times that
        self._voxel, self._misses, self._speed_known = 0.0, 0, False

    def process(
        self,
        points: NDArray[np.floating],
        stamp_ns: int,
        origin: NDArray[np.floating] | None = None,
        offsets_s: NDArray[np.floating] | None = None,
    ) -> OdometryStep:
        """One scan (N,3) in metres in the base frame, newer than the one before.

        `origin` (3,) is the sensor's position in the base frame; `offsets_s` (N,) are the seconds from the stamp to
        each reading, where the sensor gives them. Raises ValueError for arrays of other shapes, too few readings
        within range, an unlikely unit, or a stamp that is not newer; nothing has changed then.
        """
        began_s = time.perf_counter()
        if self._stamp_ns is not None and stamp_ns <= self._stamp_ns:
            raise ValueError(f"a scan of stamp {stamp_ns} ns came after one of {self._stamp_ns} ns")
        sensor = np.zeros(3) if origin is None else np.asarray(origin, np.float64)

        def compensated_by(twist: Array) -> Array:
            return within_range(compensated(points, offsets_s, twist), sensor, self.parameters)

        readings = compensated_by(self._motion.twist)
        wanted = self.parameters.voxel_size or voxel_size(readings, sensor)
        fits, overlap, restarted = True, 1.0, self._stamp_ns is None
        if self._stamp_ns is None:
            scan = self._begin_map(readings, sensor, wanted)
            held = scan.held()
        else:
            elapsed_s = (stamp_ns - self._stamp_ns) * 1e-9
            scan = thinned(readings, sensor, self._voxel, self.parameters)
            if offsets_s is not None and not self._speed_known:
                # a wrong speed blurs the surfaces: compensate again with the speed by a first alignment
                readings = compensated_by(self._aligned_twist(scan.cloud, elapsed_s))
                scan = thinned(readings, sensor, self._voxel, self.parameters)
            fits, overlap, held = self._advance(scan, elapsed_s)
            if self._misses >= self.parameters.restart_after or not 1.0 / RESIZE < wanted / self._voxel < RESIZE:
                scan, restarted = self._begin_map(readings, sensor, wanted), True
        if fits or restarted:
            for local_map in self._maps:
                local_map.insert(scan.cloud, self._T_odom_base)
        self._stamp_ns = stamp_ns
        return OdometryStep(
            self._T_odom_base.copy(),
            covariance.rotated(self._motion.pose_covariance, self._T_odom_base[:3, :3]),
            self._motion.twist.copy(),
            self._motion.twist_covariance.copy(),
            fits,
            overlap,
            held.free,
            restarted,
            time.perf_counter() - began_s,
        )

    def _begin_map(self, readings: Array, sensor: Array, voxel: float) -> Scan:
        self._maps = [small_gicp.GaussianVoxelMap(size) for size in (voxel, COARSE * voxel)]
        for local_map in self._maps:
            local_map.set_lru(REMOVE_AFTER, REMOVE_EVERY)
        self._voxel, self._misses = voxel, 0
        return thinned(readings, sensor, voxel, self.parameters)

    def _advance(self, scan: Scan, elapsed_s: float) -> tuple[bool, float, degeneracy.Held]:
        """Update the pose by the alignment of a scan, or by the prediction.

        Returns whether the scan fits, its overlap, and which directions of the motion its surfaces hold.
        """
        T_odom_predicted = self._T_odom_base @ self._motion.prediction(elapsed_s)
        T_odom_aligned, overlap = self._fit(scan.cloud, T_odom_predicted)
        held = scan.held(self._matched(scan, T_odom_aligned))
        missed = None if self._speed_known else _missed(scan.held(), held)
        if missed is not None:  # the end of a corridor that moved on while its walls stayed: look along it
            reach = SIGMAS * self._motion.speed_deviation(missed) * elapsed_s
            steps = np.arange(-MOST_STARTS, MOST_STARTS + 1) * COARSE * self._voxel
            T_starts = [_shifted(T_odom_predicted, step * missed) for step in steps[np.abs(steps) <= reach]]
            T_odom_aligned, overlap = self._best(scan.cloud, [T_odom_aligned, *T_starts])
            held = scan.held(self._matched(scan, T_odom_aligned))
        fits = overlap >= self.parameters.least_overlap
        motion = scan.possible @ twist_of(se3.inverse(T_odom_predicted) @ T_odom_aligned, 1.0)
        trusted = held._replace(errors=COVARIANCE_SCALE * held.errors) if fits else degeneracy.NOTHING
        T_before_after = self._motion.advance(elapsed_s, motion, trusted)
        self._T_odom_base = se3.orthonormal(self._T_odom_base @ T_before_after)
        self._misses = 0 if fits else self._misses + 1
        self._speed_known = fits
        return fits, overlap, held

    def _matched(self, scan: Scan, T_odom_base: Array) -> Flags:
        """Which surfaces (M,) of a scan lie on one of the local map; others have not been aligned with anything."""
        local_map, surfaces = self._maps[0], scan.surfaces
        tree = cKDTree(np.asarray(local_map.voxel_points())[:, :3])
        distance, nearest = tree.query(se3.apply(T_odom_base, surfaces.points), distance_upper_bound=self._voxel)
        near: Flags = np.isfinite(distance)
        shapes = np.asarray(local_map.voxel_covs()).reshape(-1, 4, 4)[nearest[near], :3, :3]
        normals = np.linalg.eigh(shapes)[1][:, :, 0]
        cosine = np.einsum("ni,ni->n", surfaces.axes[near, :, 0] @ T_odom_base[:3, :3].T, normals)
        near[near] = np.abs(cosine) > PARALLEL_COSINE
        return near

    def _aligned_twist(self, cloud: small_gicp.PointCloud, elapsed_s: float) -> Array:
        """The twist (6,) that brings the base to where a scan is aligned with the local map."""
        T_odom_aligned, _ = self._fit(cloud, self._T_odom_base @ self._motion.prediction(elapsed_s))
        return twist_of(se3.inverse(self._T_odom_base) @ T_odom_aligned, elapsed_s)

    def _fit(self, cloud: small_gicp.PointCloud, T_odom_predicted: Array) -> tuple[Array, float]:
        """The pose (4,4) at which a scan is aligned with the local map, and its overlap there."""
        if self._speed_known:
            aligned = self._align(cloud, T_odom_predicted)
        if not self._speed_known or aligned.num_inliers < self.parameters.least_overlap * cloud.size():
            return self._best(cloud, [T_odom_predicted, self._T_odom_base])  # the base may have stopped
        return np.asarray(aligned.T_target_source), aligned.num_inliers / cloud.size()

    def _best(self, cloud: small_gicp.PointCloud, T_odom_initial: list[Array]) -> tuple[Array, float]:
        """The alignment from the best of some poses, and the overlap there."""
        coarse = [self._align(cloud, T_initial, coarse=True) for T_initial in T_odom_initial]
        tried = [self._align(cloud, np.asarray(result.T_target_source)) for result in coarse]
        best = max(tried, key=lambda result: result.num_inliers)
        return np.asarray(best.T_target_source), best.num_inliers / cloud.size()

    def _align(
        self, cloud: small_gicp.PointCloud, T_odom_initial: Array, coarse: bool = False
    ) -> small_gicp.RegistrationResult:
        return small_gicp.align(
            self._maps[coarse],
            cloud,
            T_odom_initial,
            max_correspondence_distance=REACH_VOXELS * self._voxel * (COARSE if coarse else 1.0),
            num_threads=self.parameters.threads,
            max_iterations=ITERATIONS,
        )


def _shifted(T_odom_base: Array, shift: Array) -> Array:
    """A pose (4,4) moved by `shift` (3,) metres along its own axes."""
    return T_odom_base @ se3.from_rotation_translation(np.eye(3), shift)


def _missed(held: degeneracy.Held, matched: degeneracy.Held) -> Array | None:
    """The direction (3,) in the base in which a scan holds its motion, but not by what lies on the local map."""
    part = (held.part - matched.part)[:3, :3]
    shares, axes = np.linalg.eigh((part + part.T) / 2.0)
    return np.asarray(axes[:, -1]) if shares[-1] > MISSED else None
