"""Figures of LiDAR odometry, on odometry whose errors are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.evaluation.lidar_odometry.drives import Drive, simulated_drive
from isometry.evaluation.lidar_odometry.measure import figures, measure
from isometry.evaluation.lidar_odometry.report import write_report
from isometry.geometry import se3
from isometry.lidar_odometry.motion import moved, twist_of
from isometry.lidar_odometry.parameters import LidarOdometryParameters
from isometry.lidar_odometry.pipeline import LidarOdometry, OdometryStep


class KnownOdometry(LidarOdometry):
    """Answers the true pose with x times a factor; x is free in every other scan."""

    def __init__(self, drive: Drive, factor: float, sigma: float) -> None:
        super().__init__(LidarOdometryParameters())
        self.drive, self.factor, self.sigma, self.k = drive, factor, sigma, -1

    def process(self, points: Any, stamp_ns: int, origin: Any = None, offsets_s: Any = None) -> OdometryStep:
        self.k += 1
        T = se3.inverse(self.drive.poses[0]) @ self.drive.poses[self.k]
        T[0, 3] *= self.factor
        free = np.eye(6)[0] * (self.k % 2)
        twist = np.array([self.factor, 0.0, 0.0, 0.0, 0.0, 0.0])
        covariance = self.sigma**2 * np.eye(6)
        return OdometryStep(T, covariance, twist, covariance, True, 1.0, free, False, 0.01)


def straight(count: int = 11, speed: float = 1.0) -> Drive:
    """A drive along x, a scan a second."""
    poses = np.array([se3.from_planar(5.0 + speed * k, 2.0, 0.0) for k in range(count)])
    return Drive(np.arange(1, count + 1) * 10**9, poses, lambda k: np.zeros((0, 3)), np.zeros(3))


def test_errors_of_poses_and_steps_are_those_that_were_made() -> None:
    drive = straight()
    found = figures(measure(drive, KnownOdometry(drive, 1.1, 0.25)))
    assert found["path_m"] == pytest.approx(10.0)
    assert found["final_error_m"] == pytest.approx(1.0)
    assert found["drift_percent"] == pytest.approx(10.0)
    # 0.1 m a second: five of the ten poses lie within twice 0.25 m
    assert found["inside_2_sigma"] == pytest.approx(
        {"x": 0.5, "y": 1.0, "z": 1.0, "roll": 1.0, "pitch": 1.0, "yaw": 1.0}
    )
    assert found["inside_2_sigma_twist"]["x"] == 1.0
    assert found["step_error_m"]["odometry"]["median"] == pytest.approx(0.1)
    assert found["step_error_m"]["standing"]["median"] == pytest.approx(1.0)
    assert found["step_error_m"]["constant_velocity"]["median"] == pytest.approx(0.0, abs=1e-12)
    assert found["unheld"] == pytest.approx(5 / 11)
    assert found["unheld_by_axis"] == pytest.approx({axis: 5 / 11 * (axis == "x") for axis in found["unheld_by_axis"]})


def test_a_drive_that_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="no motion"):
        measure(straight(1), LidarOdometry(LidarOdometryParameters()))
    with pytest.raises(ValueError, match="scan 0 of the drive"):
        measure(straight(3), LidarOdometry(LidarOdometryParameters()))


def test_a_page_is_written_of_a_drive(tmp_path: Path) -> None:
    drive = straight()
    driven = measure(drive, KnownOdometry(drive, 1.1, 0.25))
    page = write_report(tmp_path / "page.html", figures(driven), {"data": "a line", "date": "today"}, driven)
    assert "1 m" in page.read_text()
    assert page.read_text().count("plotly-graph-div") >= 7


def test_a_simulated_robot_starts_speeds_up_and_is_the_same_for_a_seed() -> None:
    drive, again, other = (simulated_drive("street", seed, 40) for seed in (3, 3, 4))
    assert np.array_equal(drive.poses, again.poses)
    assert np.array_equal(drive.scan(7), again.scan(7))
    assert not np.array_equal(drive.poses, other.poses)
    speeds = speeds_of(drive.poses)
    assert speeds[0] < 0.5
    assert speeds.max() > 2.0
    # it does not jump: less than half a g from scan to scan
    assert np.abs(np.diff(speeds)).max() < 0.5
    # the ground is at z = 0 in the base frame
    assert np.isclose(np.percentile(drive.scan(0)[:, 2], 10), 0.0, atol=0.3)


def speeds_of(poses: Array) -> NDArray[np.float64]:
    steps = se3.inverse(poses[:-1]) @ poses[1:]
    return np.array([np.linalg.norm(twist_of(step, 0.1)[:3]) for step in steps])


def test_a_motion_with_a_twist_is_its_own_speed() -> None:
    twist = np.array([2.0, 0.0, 0.0, 0.0, 0.0, 0.3])
    assert np.allclose(speeds_of(np.array([np.eye(4), moved(twist, 0.1)])), 2.0)
