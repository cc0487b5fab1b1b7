"""The pose of the robot in the map by one scan, and its fusion with the pose by odometry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import covariance, se3
from isometry.registration import calibration
from isometry.registration.types import Reason, Registration
from isometry.relocalization.places import Place

# Standard deviations of odometry between two scans, beside the drift over the distance: by noise, and over turns
STEP_METRES, STEP_RADIANS = 0.01, 0.001
SIGMAS = 3.0
LEAST_DETERMINED = 0.5  # probability that the surfaces hold the pose
RADIANS_PER_METRE, RADIANS_PER_RADIAN = 0.005, 0.05


@dataclass(frozen=True, eq=False)
class ScanPose:
    """The registration of one scan as a pose in the map."""

    T_map_base: Array  # (4,4)
    covariance: Array  # (6,6) x, y, z, roll, pitch, yaw of the base along the axes of the map; metres, radians
    registration: Registration
    resolution: float  # metres between the points of the map

    @classmethod
    def of(cls, registration: Registration, place: Place) -> ScanPose:
        """The pose by the registration of a scan to a place of the map."""
        T_map_base = place.T_map_cloud @ registration.T_target_source
        turned = covariance.rotated(registration.covariance, place.T_map_cloud[:3, :3])
        return cls(T_map_base, turned, registration, place.cloud.resolution)

    @property
    def reason(self) -> Reason:
        """Why the pose is not accepted, or "ok"."""
        return self.registration.reason


@dataclass(frozen=True, eq=False)
class Belief:
    """A pose of the base in the map with its covariance along the axes of the map."""

    T_map_base: Array  # (4,4)
    covariance: Array  # (6,6)

    def moved(self, T_before_after: Array, drift: float) -> Belief:
        """After a motion (4,4) by odometry that drifts by `drift` metres per metre.

        Drift is mostly the same from step to step, as by a wrong radius of a wheel: along the motion, standard
        deviations add up, not variances.
        """
        metres, radians = se3.distance(np.eye(4), T_before_after)
        T_map_base = self.T_map_base @ T_before_after
        lever = T_map_base[:3, 3] - self.T_map_base[:3, 3]
        by_odometry = covariance.independent(
            STEP_METRES + drift * metres, STEP_RADIANS + RADIANS_PER_METRE * metres + RADIANS_PER_RADIAN * radians
        )
        moved = covariance.at_point(self.covariance, lever) + by_odometry
        ahead = lever / max(float(np.linalg.norm(lever)), 1e-9)
        moved[:3, :3] += (
            2.0 * drift * metres * np.sqrt(ahead @ self.covariance[:3, :3] @ ahead) * np.outer(ahead, ahead)
        )
        return Belief(T_map_base, moved)

    def corrected(self, T_before_after: Array) -> Belief:
        """After a motion (4,4) without errors of its own."""
        return Belief(self.T_map_base @ T_before_after, self.covariance)

    def determined(self, resolution: float) -> bool:
        """Whether the pose is probably as near to the true one as a right registration; `resolution` in metres."""
        return calibration.determined(self.covariance, resolution) >= LEAST_DETERMINED

    def contradicted(self, measured: ScanPose, least: tuple[float, float]) -> bool:
        """Whether a pose by a scan is further off than three standard deviations, in a direction that both know.

        Distances up to `least`, in metres and radians, are never a contradiction.
        """
        error = se3.error(measured.T_map_base, self.T_map_base)
        together = self.covariance + measured.covariance
        for part, smallest in zip((slice(0, 3), slice(3, 6)), least, strict=True):
            variances, axes = np.linalg.eigh(together[part, part])
            if (np.abs(axes.T @ error[part]) > np.maximum(smallest, SIGMAS * np.sqrt(variances))).any():
                return True
        return False

    def fused(self, measured: ScanPose) -> Belief:
        """With the pose by a scan: it decides where the surfaces hold it, odometry where they leave it free.

        The update of a Kalman filter. What successive scans have wrong in the same way, as an error of the map, is not
        averaged out: the part of the measurement's error that enters the pose is added once more.
        """
        gain = self.covariance @ np.linalg.inv(self.covariance + measured.covariance)
        correction = gain @ se3.error(measured.T_map_base, self.T_map_base)
        turn = Rotation.from_rotvec(correction[3:]).as_matrix()
        T_map_base = se3.from_rotation_translation(
            turn @ self.T_map_base[:3, :3], self.T_map_base[:3, 3] + correction[:3]
        )
        posterior = self.covariance - gain @ self.covariance + gain @ measured.covariance @ gain.T
        return Belief(T_map_base, (posterior + posterior.T) / 2.0)
