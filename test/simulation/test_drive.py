from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.geometry import se3
from isometry.simulation.drive import SimulatedDrive, sensor_poses, write_simulated_drive
from isometry.simulation.sensors.lidar import HDL_64, LidarSimulator, SpinningLidar
from isometry.simulation.worlds.town import TownPlan, build_town


def test_the_route_comes_back_in_both_directions_after_the_sensor_was_turned() -> None:
    drive = SimulatedDrive()
    poses = sensor_poses(drive)
    half = len(poses) // 2
    T_step = se3.inverse(poses[half - 1]) @ poses[half]
    assert np.degrees(se3.yaw(T_step)) == pytest.approx(drive.remounted_deg, abs=10.0)
    remount = se3.from_planar(0.0, 0.0, np.radians(drive.remounted_deg))
    heading = np.array([se3.yaw(pose) for pose in [*poses[:half], *(poses[half:] @ se3.inverse(remount))]])
    position = poses[:, :2, 3]
    same = opposite = 0
    for k in range(200, len(poses)):
        near = np.flatnonzero(np.linalg.norm(position[: k - 150] - position[k], axis=1) < 5.0)
        difference = np.cos(heading[near] - heading[k])
        same += bool((difference > 0.9).any())
        opposite += bool((difference < -0.9).any())
    assert same > 30
    assert opposite > 30


def test_steps_have_the_requested_length() -> None:
    poses = sensor_poses(SimulatedDrive(spacing_m=2.0, remounted_deg=0.0))
    steps = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1)
    np.testing.assert_allclose(steps, 2.0, atol=0.2)  # in a bend the straight line is shorter than the path
    assert len(sensor_poses(SimulatedDrive(scans=7))) == 7


def test_nothing_stands_where_the_car_drives(random: np.random.Generator) -> None:
    simulator = LidarSimulator(build_town(TownPlan(), random), HDL_64)
    for pose in sensor_poses(SimulatedDrive())[::40]:
        points = simulator.scan(pose, random)
        above_ground = points[points[:, 2] > -1.5]
        assert np.linalg.norm(above_ground[:, :2], axis=1).min() > 1.2


def test_the_seed_decides_every_byte(tmp_path: Path) -> None:
    lidar = SpinningLidar(beams=4, azimuth_step_deg=4.0)
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        write_simulated_drive(tmp_path / name, SimulatedDrive(seed=seed, scans=2, lidar=lidar))
    scan = "sequences/00/velodyne/000001.bin"
    assert (tmp_path / "a" / scan).read_bytes() == (tmp_path / "b" / scan).read_bytes()
    assert (tmp_path / "a" / scan).read_bytes() != (tmp_path / "c" / scan).read_bytes()


def test_the_directory_is_one_that_the_kitti_reader_takes(tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    drive = SimulatedDrive(scans=3, lidar=SpinningLidar(beams=4, azimuth_step_deg=4.0))
    write_simulated_drive(tmp_path / "kitti", drive, "07", lambda done, total: progress.append((done, total)))
    np.testing.assert_allclose(KittiOdometry(tmp_path / "kitti", "07").poses, sensor_poses(drive), atol=1e-6)
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert [path.name for path in tmp_path.iterdir()] == ["kitti"]
