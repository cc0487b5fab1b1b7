"""How far odometry drifts, and whether its covariances tell it.

Errors of poses are along the axes of the odometry's frame, which is the true pose of the first scan; errors of twists
along those of the base. "standing" and "constant_velocity" are what a robot would say without looking: that it has not
moved since the last scan, or that it moved as before it, where that is known exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isometry.arrays import Array
from isometry.evaluation.common.calibration import inside_two_sigma
from isometry.evaluation.common.statistics import mean, median_and_p90, percentile
from isometry.evaluation.lidar_odometry.drives import Drive
from isometry.geometry import se3
from isometry.geometry.covariance import AXES
from isometry.lidar_odometry.motion import moved, twist_of
from isometry.lidar_odometry.pipeline import LidarOdometry, OdometryStep

Advance = Callable[[int, int], None]


@dataclass(frozen=True)
class Driven:
    """The steps of a drive, with the truth."""

    T_true: Array  # (N,4,4) the base in the frame of the first base
    true_twists: Array  # (N-1,6) mean of the motion since the scan before
    seconds: Array  # (N-1,) since the scan before
    steps: Sequence[OdometryStep]  # N of them

    @property
    def errors(self) -> Array:
        """(N,6) of the poses, in metres and radians."""
        return se3.error(np.array([step.T_odom_base for step in self.steps]), self.T_true)

    @property
    def covariances(self) -> Array:
        """(N,6,6) of the poses."""
        return np.array([step.covariance for step in self.steps])

    @property
    def travelled(self) -> Array:
        """Metres (N,) since the first scan."""
        return np.concatenate([[0.0], np.cumsum(np.linalg.norm(self.true_twists[:, :3], axis=1) * self.seconds)])


def measure(drive: Drive, odometry: LidarOdometry, advance: Advance = lambda done, total: None) -> Driven:
    """Run the odometry over a drive; `advance` is called with (done, total).

    Raises ValueError for a drive of one scan, and naming the scan that cannot be used.
    """
    if len(drive.poses) < 2:
        raise ValueError(f"a drive of {len(drive.poses)} scan has no motion to measure")
    steps = []
    for k, stamp_ns in enumerate(drive.stamps_ns):
        try:
            steps.append(odometry.process(drive.scan(k), int(stamp_ns), drive.origin))
        except ValueError as error:
            raise ValueError(f"scan {k} of the drive: {error}") from error
        advance(k + 1, len(drive.poses))
    T_true = se3.inverse(drive.poses[0]) @ drive.poses
    seconds = np.diff(drive.stamps_ns) * 1e-9
    motions = se3.inverse(T_true[:-1]) @ T_true[1:]
    twists = np.array([twist_of(T, elapsed) for T, elapsed in zip(motions, seconds, strict=True)])
    return Driven(T_true, twists, seconds, steps)


def figures(driven: Driven) -> dict[str, Any]:
    """All figures of a drive."""
    steps, errors = driven.steps, driven.errors
    metres, degrees = np.linalg.norm(errors[:, :3], axis=1), np.degrees(np.linalg.norm(errors[:, 3:], axis=1))
    path = float(driven.travelled[-1])
    twist_errors = np.array([step.twist for step in steps[1:]]) - driven.true_twists
    twist_covariances = np.array([step.twist_covariance for step in steps[1:]])
    seconds = np.array([step.seconds for step in steps])
    return {
        "n": len(steps),
        "path_m": path,
        "final_error_m": float(metres[-1]),
        "final_error_deg": float(degrees[-1]),
        "largest_error_m": float(metres.max()),
        "drift_percent": 100.0 * float(metres[-1]) / path if path > 0.0 else None,
        "inside_2_sigma": _by_axis(inside_two_sigma(errors[1:], driven.covariances[1:])),
        "inside_2_sigma_twist": _by_axis(inside_two_sigma(twist_errors, twist_covariances)),
        "final_sigma": _by_axis(np.sqrt(np.diag(steps[-1].covariance))),
        "fitted": mean([step.fits for step in steps]),
        "unheld": mean([bool(step.unheld) for step in steps]),
        "unheld_by_axis": {axis: mean([axis in step.unheld for step in steps]) for axis in AXES},
        "step_error_m": {
            "odometry": median_and_p90(np.linalg.norm(twist_errors[:, :3], axis=1) * driven.seconds),
            **{name: median_and_p90(values) for name, values in _trivial_step_errors(driven).items()},
        },
        "step_ms": {"median": percentile(1e3 * seconds, 50), "p99": percentile(1e3 * seconds, 99)},
    }


def _trivial_step_errors(driven: Driven) -> dict[str, Array]:
    """Errors of steps in metres of predictors that do not look at scans."""
    moves = np.array([moved(t, s)[:3, 3] for t, s in zip(driven.true_twists, driven.seconds, strict=True)])
    changes = np.diff(driven.true_twists[:, :3], axis=0)
    return {
        "standing": np.linalg.norm(moves, axis=1),
        "constant_velocity": np.linalg.norm(changes, axis=1) * driven.seconds[1:],
    }


def _by_axis(values: Array) -> dict[str, float]:
    return dict(zip(AXES, values.tolist(), strict=True))
