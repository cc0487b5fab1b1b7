from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.geometry import se3
from isometry.simulation.drive import SimulatedDrive, sensor_poses, write_simulated_drive
from isometry.simulation.sensors.lidar import HDL_64, LidarSimulator, SpinningLidar
from isometry.simulation.worlds.shapes import box, crown, cylinder, joined
from isometry.simulation.worlds.town import TownPlan, build_town


def test_ranges_in_a_room_are_those_of_its_walls(random: np.random.Generator) -> None:
    room = box((10.0, 6.0, 4.0), (0.0, 0.0, -2.0))
    lidar = SpinningLidar(noise_m=0.0, dropped=0.0, azimuth_step_deg=1.0)
    points = LidarSimulator(room, lidar).scan(np.eye(4), random)
    assert len(points) == 64 * 360
    on_wall = np.isclose(np.abs(points), [5.0, 3.0, 2.0], atol=1e-4).any(axis=1)
    assert on_wall.all()


def test_noise_dropouts_and_reach_are_those_of_the_sensor(random: np.random.Generator) -> None:
    ball = cylinder(10.0, 40.0, (0.0, 0.0, -20.0), sides=720)
    lidar = SpinningLidar(beams=16, highest_deg=0.1, lowest_deg=-0.1, noise_m=0.05, dropped=0.2)
    ranges = np.linalg.norm(LidarSimulator(ball, lidar).scan(np.eye(4), random), axis=1)
    assert np.std(ranges) == pytest.approx(0.05, rel=0.05)
    assert len(ranges) == pytest.approx(0.8 * 16 * 900, rel=0.03)
    near_sighted = SpinningLidar(range_m=5.0)
    assert len(LidarSimulator(ball, near_sighted).scan(np.eye(4), random)) == 0


def test_turning_the_sensor_turns_the_cloud(random: np.random.Generator) -> None:
    lidar = SpinningLidar(noise_m=0.0, dropped=0.0, azimuth_step_deg=1.0)
    simulator = LidarSimulator(build_town(TownPlan(), random), lidar)
    T_world_lidar = se3.from_planar(20.0, 0.0, 0.0)
    T_world_lidar[2, 3] = 1.7
    turn = se3.from_planar(0.0, 0.0, np.radians(90.0))
    straight, turned = simulator.scan(T_world_lidar, random), simulator.scan(T_world_lidar @ turn, random)
    in_first = se3.apply(turn, turned.astype(float))
    assert len(straight) == len(turned)
    by_coordinates = [cloud[np.lexsort(np.round(cloud, 2).T)] for cloud in (straight, in_first)]
    assert np.median(np.linalg.norm(by_coordinates[0] - by_coordinates[1], axis=1)) < 1e-3


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


def test_steps_are_as_long_as_asked_for() -> None:
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
    told: list[tuple[int, int]] = []
    drive = SimulatedDrive(scans=3, lidar=SpinningLidar(beams=4, azimuth_step_deg=4.0))
    write_simulated_drive(tmp_path / "kitti", drive, "07", lambda done, total: told.append((done, total)))
    np.testing.assert_allclose(KittiOdometry(tmp_path / "kitti", "07").poses, sensor_poses(drive), atol=1e-6)
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [path.name for path in tmp_path.iterdir()] == ["kitti"]


def test_meshes_have_the_extent_that_was_asked_for(random: np.random.Generator) -> None:
    np.testing.assert_allclose(np.ptp(box((4.0, 2.0, 1.0), (1.0, 1.0, 0.0)).vertices, axis=0), [4.0, 2.0, 1.0])
    np.testing.assert_allclose(np.ptp(box((4.0, 2.0, 1.0), (0, 0, 0), np.pi / 2).vertices, axis=0), [2.0, 4.0, 1.0])
    assert np.linalg.norm(crown(2.0, (0.0, 0.0, 0.0), random).vertices, axis=1).max() <= 2.0
    both = joined([box((1.0, 1.0, 1.0), (0, 0, 0)), cylinder(1.0, 2.0, (0, 0, 0))], se3.from_planar(5.0, 0.0, 0.0))
    assert both.triangles.max() == len(both.vertices) - 1
    assert both.vertices[:, 0].min() == pytest.approx(4.0)
