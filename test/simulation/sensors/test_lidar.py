from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from isometry.geometry import se3
from isometry.simulation.sensors.lidar import HDL_64E, LidarSimulator, RosetteLidar, SpinningLidar
from isometry.simulation.worlds.shapes import box, cylinder
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


def test_a_rosette_fills_its_field_of_view_and_nothing_else(random: np.random.Generator) -> None:
    lidar = RosetteLidar(noise_m=0.0, dropped=0.0)
    directions = lidar.directions()
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)
    elevation = np.degrees(np.arcsin(directions[:, 2]))
    assert elevation.min() == pytest.approx(-7.0, abs=0.1)
    assert elevation.max() == pytest.approx(52.0, abs=0.1)
    azimuth = np.degrees(np.arctan2(directions[:, 1], directions[:, 0]))
    seen, _, _ = np.histogram2d(azimuth, elevation, bins=(72, 12))
    assert seen.min() > 0
    again = RosetteLidar(start=7.3017, noise_m=0.0, dropped=0.0).directions()
    assert np.median(cKDTree(directions).query(again)[0]) > 1e-4
    points = LidarSimulator(box((10.0, 10.0, 10.0), (0.0, 0.0, -5.0)), lidar).scan(np.eye(4), random)
    assert np.isclose(np.abs(points), 5.0, atol=1e-4).any(axis=1).all()


def test_beams_are_denser_where_the_sensor_looks_far() -> None:
    elevation = np.unique(np.degrees(np.arcsin(HDL_64E.directions()[:, 2])).round(6))
    assert len(elevation) == 64
    assert (elevation > -8.6).sum() == 32
    assert elevation.min() == pytest.approx(-24.8)
    assert elevation.max() == pytest.approx(2.0)
