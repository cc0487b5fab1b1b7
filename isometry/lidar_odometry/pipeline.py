"""LiDAR odometry, top to bottom: each scan is aligned with a voxel map of the scans before it.

    scan -> motion compensated -> within range -> thinned, with the plane around each point          scan.py
    pose predicted at constant velocity -> VGICP to the local map -> does it fit? -> added to the map

Source: VGICP (Koide et al., "Voxelized GICP for fast and accurate 3D point cloud registration", ICRA 2021) as
small_gicp implements it, with the constant-velocity prediction and compensation of KISS-ICP (Vizzo et al., RA-L 2023).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import small_gicp
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import covariance, se3
from isometry.lidar_odometry.motion import moved, twist_of
from isometry.lidar_odometry.parameters import LidarOdometryParameters
from isometry.lidar_odometry.scan import compensated, thinned, voxel_size, within_range

REACH_VOXELS = 2.0  # largest distance between corresponding points
COARSE = 3.0  # voxel size of the second local map over the first: it aligns scans that are too far off for the first
ITERATIONS = 30
REMOVE_AFTER, REMOVE_EVERY = 100, 10  # scans until voxels without points are removed, and between removals
RESIZE = 2.0  # ratio of voxel sizes, by the range of scans and of the local map, at which the map starts again
# Gauss-Newton's covariance assumes that points are independent and voxels are planes
COVARIANCE_SCALE = 4.0
FLOOR = covariance.independent(0.002, 0.0002)  # of one step, by the noise of the sensor
UNKNOWN_SPEED = covariance.independent(2.0, 0.5)  # per second, of a prediction


@dataclass(frozen=True)
class OdometryStep:
    """The result of one scan. When `fits` is false, pose and twist are predictions with large covariances."""

    T_odom_base: Array  # (4,4)
    covariance: Array  # (6,6) x, y, z, roll, pitch, yaw of the base in the odometry's frame; metres, radians
    twist: Array  # (6,) of the base in its own frame: metres a second, then radians a second
    twist_covariance: Array  # (6,6)
    fits: bool
    overlap: float  # share of the scan that lies in the local map, 0 to 1
    restarted: bool  # the local map starts with this scan
    seconds: float


class LidarOdometry:
    """Tracks the base from scan to scan; its frame at the first scan is the odometry's frame.

    Between scans a constant velocity is assumed. The pose of a scan that does not fit the local map is the prediction;
    after `restart_after` such scans in a row the local map starts again at the prediction.
    """

    def __init__(self, parameters: LidarOdometryParameters) -> None:
        self.parameters = parameters
        self.reset()

    def reset(self) -> None:
        """Start again: the next scan is the first."""
        self._T_odom_base, self._covariance = np.eye(4), np.zeros((6, 6))  # the latter along the base's own axes
        self._twist, self._twist_covariance = np.zeros(6), UNKNOWN_SPEED
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
        readings = within_range(compensated(points, offsets_s, self._twist), sensor, self.parameters)
        wanted = self.parameters.voxel_size or voxel_size(readings, sensor)

        fits, overlap, restarted = True, 1.0, self._stamp_ns is None
        if self._stamp_ns is None:
            cloud = self._begin_map(readings, wanted)
        else:
            cloud = thinned(readings, self._voxel, self.parameters)
            fits, overlap = self._advance(cloud, (stamp_ns - self._stamp_ns) * 1e-9)
            if self._misses >= self.parameters.restart_after or not 1.0 / RESIZE < wanted / self._voxel < RESIZE:
                cloud, restarted = self._begin_map(readings, wanted), True
        if fits or restarted:
            for local_map in self._maps:
                local_map.insert(cloud, self._T_odom_base)
        self._stamp_ns = stamp_ns
        return OdometryStep(
            self._T_odom_base.copy(),
            covariance.rotated(self._covariance, self._T_odom_base[:3, :3]),
            self._twist.copy(),
            self._twist_covariance.copy(),
            fits,
            overlap,
            restarted,
            time.perf_counter() - began_s,
        )

    def _begin_map(self, readings: Array, voxel: float) -> small_gicp.PointCloud:
        self._maps = [small_gicp.GaussianVoxelMap(size) for size in (voxel, COARSE * voxel)]
        for local_map in self._maps:
            local_map.set_lru(REMOVE_AFTER, REMOVE_EVERY)
        self._voxel, self._misses = voxel, 0
        return thinned(readings, voxel, self.parameters)

    def _advance(self, cloud: small_gicp.PointCloud, elapsed_s: float) -> tuple[bool, float]:
        """Update the pose by the alignment of a scan, or by the prediction; whether the scan fits, and its overlap."""
        T_before_predicted = moved(self._twist, elapsed_s)
        T_before_aligned, information, overlap = self._fit(cloud, T_before_predicted)
        fits = overlap >= self.parameters.least_overlap
        T_before_after = T_before_aligned if fits else T_before_predicted
        step_covariance = _covariance(information) if fits else UNKNOWN_SPEED * elapsed_s**2
        self._misses = 0 if fits else self._misses + 1
        self._T_odom_base = _orthonormal(self._T_odom_base @ T_before_after)
        self._covariance = covariance.propagated(self._covariance, T_before_after) + step_covariance
        self._twist, self._twist_covariance = twist_of(T_before_after, elapsed_s), step_covariance / elapsed_s**2
        self._speed_known = fits
        return fits, overlap

    def _fit(self, cloud: small_gicp.PointCloud, T_before_predicted: Array) -> tuple[Array, Array, float]:
        """The motion (4,4) that aligns a scan with the local map, its information (6,6), and the scan's overlap."""
        T_odom_predicted = self._T_odom_base @ T_before_predicted
        if self._speed_known:
            aligned = self._align(cloud, T_odom_predicted)
        if not self._speed_known or aligned.num_inliers < self.parameters.least_overlap * cloud.size():
            starts = [T_odom_predicted, self._T_odom_base]  # the base may have stopped
            coarse = [self._align(cloud, T_odom_initial, coarse=True) for T_odom_initial in starts]
            tried = [self._align(cloud, np.asarray(result.T_target_source)) for result in coarse]
            aligned = max(tried, key=lambda result: result.num_inliers)
        T_before_aligned = se3.inverse(self._T_odom_base) @ np.asarray(aligned.T_target_source)
        return T_before_aligned, np.asarray(aligned.H), aligned.num_inliers / cloud.size()

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


def _covariance(information: Array) -> Array:
    """Covariance (6,6; shift, then turn) of small_gicp's information matrix, which has the turn first."""
    # in a direction that the scan does not determine, the variance is large instead of infinite
    regular = covariance.reordered(information) + np.linalg.inv(UNKNOWN_SPEED)
    return np.asarray(COVARIANCE_SCALE * np.linalg.inv(regular) + FLOOR)


def _orthonormal(transform: Array) -> Array:
    """The transform with an exact rotation: a long chain of products accumulates rounding errors."""
    return se3.from_rotation_translation(se3.nearest_rotation(transform[:3, :3]), transform[:3, 3])
