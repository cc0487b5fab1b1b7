"""Every world of the registry: it can be driven through, a seed decides it, and its repetitions are true."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.sensors.lidar import SpinningLidar
from isometry.simulation.sensors.ray_caster import RayCaster
from isometry.simulation.world_scanner import WorldScanner
from isometry.simulation.worlds.registry import WORLDS, build_world
from isometry.simulation.worlds.world import World

world_of = cache(build_world)
REPEATING = ["tunnel", "tunnel-with-niches", "car-park", "warehouse", "twin-halls", "office-floors"]


def ranges(world: World, poses: Array) -> Array:
    """True distances (N,M) that the sensor measures at poses (N,4,4); 0 beyond its range."""
    caster, directions = RayCaster(world.mesh), world.lidar.directions()
    mast = se3.from_rotation_translation(np.eye(3), np.array([0.0, 0.0, world.sensor_height_m]))
    measured = np.array([caster.cast(pose @ mast, directions)["t_hit"] for pose in poses])
    return np.where(measured <= world.lidar.range_m, measured, 0.0)


@pytest.mark.parametrize("name", WORLDS)
def test_a_robot_drives_there_and_back_and_sees_enough(name: str) -> None:
    world = world_of(name, 0)
    scanner = WorldScanner(world)
    drive = world.drive(1.0)
    assert scanner.clearance(drive).min() > 0.25
    low, high = world.mesh.vertices.min(axis=0), world.mesh.vertices.max(axis=0)
    assert np.all((drive[:, :3, 3] > low - 0.5) & (drive[:, :3, 3] < high + 0.5))
    out, back = np.split(drive, 2)
    opposite = back[::-1]
    assert np.median(np.linalg.norm(opposite[:, :3, 3] - out[:, :3, 3], axis=1)) < 2.0 * world.lane_m + 1.0
    assert np.median(np.einsum("ni,ni->n", opposite[:, :3, 0], out[:, :3, 0])) < -0.9
    scan = scanner.scan(drive[len(drive) // 3], np.random.default_rng(0))
    assert len(scan) > 8000
    below = scan[np.linalg.norm(scan[:, :2], axis=1) < 4.0]
    assert np.quantile(below[:, 2], 0.05) == pytest.approx(0.0, abs=0.3)  # the ground, in the frame of the base


@pytest.mark.parametrize("name", WORLDS)
def test_a_seed_decides_the_world(name: str) -> None:
    first, again, other = world_of(name, 0), build_world(name, 0), world_of(name, 1)
    np.testing.assert_array_equal(first.mesh.vertices, again.mesh.vertices)
    np.testing.assert_array_equal(first.route, again.route)
    assert first.mesh.vertices.shape != other.mesh.vertices.shape or not np.allclose(
        first.mesh.vertices, other.mesh.vertices
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", REPEATING)
def test_alike_poses_measure_the_same_and_others_do_not(name: str, seed: int, random: np.random.Generator) -> None:
    world = world_of(name, seed)
    lap = world.lap(4.0)
    with_twins = [T for T in lap if len(world.twins(T))]
    assert 0.1 * len(lap) < len(with_twins) < 0.9 * len(lap)
    for k in random.choice(len(with_twins), 6, replace=False):
        T, twins = with_twins[k], world.twins(with_twins[k])
        assert all(world.alike(T, twin) for twin in twins)
        turned = twins[0] @ se3.from_planar(0.0, 0.0, np.radians(20.0))
        assert not world.alike(T, turned)
        here, *there, other = ranges(world, np.array([T, *twins[random.permutation(len(twins))[:3]], turned]))
        for each in there:
            assert np.mean(np.abs(each - here) > 0.01) < 1e-3
        assert np.mean(np.abs(other - here) > 0.1) > 0.05


@pytest.mark.parametrize("name", WORLDS)
def test_what_a_map_leaves_out_is_a_part_of_the_route(name: str) -> None:
    world = world_of(name, 0)
    left_out = np.array([world.left_out.contains(T) for T in world.drive(1.0)])
    assert 0.05 < left_out.mean() < 0.4
    if name in REPEATING and name != "tunnel-with-niches":
        twins = [world.twins(T) for T in world.drive(4.0) if world.left_out.contains(T)]
        mapped = [sum(not world.left_out.contains(twin) for twin in each) for each in twins]
        assert np.mean(np.array(mapped) >= 1) > 0.5  # places like it are in the map


def test_a_scan_is_in_the_frame_of_the_base() -> None:
    world = world_of("town", 0)
    exact = replace(world, lidar=SpinningLidar(beams=8, azimuth_step_deg=10.0, noise_m=0.0, dropped=0.0))
    T = world.lap(1.0)[30]
    scan = WorldScanner(exact).scan(T, np.random.default_rng(0))
    on_ground = np.abs(se3.apply(T, scan.astype(np.float64))[:, 2]) < 0.01
    assert on_ground.mean() > 0.3


def test_a_world_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="no world 'moon': it must be one of hedged-road, tunnel"):
        build_world("moon", 0)
