"""Robots that are switched on in simulated worlds, with the method and the network as they are shipped."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.evaluation.relocalization.measure import map_of, measure
from isometry.evaluation.relocalization.trials import Trial, draw_trials, knowable_along
from isometry.geometry import se3
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.pipeline import load_registrar
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.pipeline import Relocalizer
from isometry.relocalization.places import CloudPlaces
from isometry.simulation.sensors.lidar import LidarSimulator
from isometry.simulation.world_scanner import WorldScanner
from isometry.simulation.worlds.registry import build_world
from isometry.simulation.worlds.shapes import Mesh, box, joined
from isometry.simulation.worlds.world import INDOOR, World

UNHURRIED = RelocalizationParameters(time_limit=60.0)  # so that a busy machine finds what an idle one does

pytestmark = pytest.mark.slow


@cache
def map_points(name: str, seed: int) -> NDArray[np.float32]:
    """The map (N,3) of a world."""
    return map_of(build_world(name, seed), seed)


def switched_on(name: str, seed: int) -> Relocalizer:
    """A robot that knows the map of a world, and no pose."""
    return Relocalizer(load_registrar(), CloudPlaces(map_points(name, seed), RegistrationParameters()), UNHURRIED)


def cut(world: World, trial: Trial, first: int, last: int) -> Trial:
    """Some scans of a trial, as if it had begun with them."""
    poses = trial.T_world_base[first:last]
    return Trial(trial.number, poses, trial.T_odom_base[first:last], knowable_along(world, poses))


@pytest.mark.parametrize(("name", "seed", "scans"), [("twin-halls", 1, 7), ("office-floors", 1, 4), ("tunnel", 1, 4)])
def test_a_robot_is_not_located_where_another_place_looks_the_same(name: str, seed: int, scans: int) -> None:
    """It stands for four scans, and drives in the others."""
    world = build_world(name, seed)
    (trial,) = draw_trials(world, 1, 8.0, 0.03, seed)
    unknowable = cut(world, trial, 0, min(scans, int(np.append(trial.knowable, True).argmax())))
    assert len(unknowable.knowable) == scans
    (result,) = measure(world, [unknowable], lambda: switched_on(name, seed), seed)
    assert not result.located.any()
    assert result.reasons[-1] == "ambiguous"


def test_a_robot_in_one_of_equal_halls_is_located_once_it_has_driven_to_what_differs() -> None:
    world = build_world("twin-halls", 0)
    (trial,) = draw_trials(world, 1, 40.0, 0.03, 0)
    shorter = cut(world, trial, int(trial.knowable.argmax()) - 6, len(trial.knowable))
    assert shorter.begins_unknowable
    (result,) = measure(world, [shorter], lambda: switched_on("twin-halls", 0), 0)
    assert not result.located_while_unknowable
    assert not result.wrong_located
    assert result.right[-1]


def test_in_a_tunnel_the_covariance_holds_the_drift_of_odometry() -> None:
    world = build_world("tunnel", 1)
    drive = world.lap(1.5)[:24]
    robot, scanner = switched_on("tunnel", 1), WorldScanner(world)
    robot.set_initial_pose(drive[0], 1.0)
    outside = []
    for k, T_world_base in enumerate(drive):
        T_odom_base = se3.inverse(drive[0]) @ T_world_base
        T_odom_base[:3, 3] *= 1.05
        step = robot.process(scanner.scan(T_world_base, np.random.default_rng([1, k])), T_odom_base, scanner.origin)
        if step.T_map_base is not None:
            assert step.covariance is not None
            errors, sigmas = se3.error(step.T_map_base, T_world_base), np.sqrt(np.diagonal(step.covariance))
            outside.append(np.abs(errors[:3]) > 2.0 * sigmas[:3] + 0.02)
    assert len(outside) > 18
    assert np.mean(outside, axis=0).max() < 0.1


def test_a_robot_that_was_switched_on_in_a_closed_office_is_followed_into_the_hall() -> None:
    closed, opened = (LidarSimulator(office_beside_a_hall(door), INDOOR) for door in (True, False))
    random = np.random.default_rng(1)
    stands = [se3.from_planar(x, y, 2.0 * x) for x in np.arange(3.0, 38.0, 7.0) for y in (-6.0, 5.0)]
    stands += [se3.from_planar(-2.0, 0.1, yaw) for yaw in (0.0, 2.0, 4.0)]
    points = np.vstack([se3.apply(at_height(T), opened.scan(at_height(T), random).astype(float)) for T in stands])
    robot = Relocalizer(load_registrar(), CloudPlaces(points, RegistrationParameters()), UNHURRIED)
    way = np.concatenate([np.full(2, -2.0), np.arange(-2.0, 14.0, 1.2)])
    errors = []
    for k, x in enumerate(way):
        T_map_base = at_height(se3.from_planar(x, 0.1, 0.07))
        scan = (closed if k < 2 else opened).scan(T_map_base, random)
        step = robot.process(scan, T_map_base)
        errors.append(np.inf if step.T_map_base is None else se3.distance(step.T_map_base, T_map_base)[0])
    assert np.max(errors[-3:]) < 0.15


def at_height(T: Array) -> Array:
    """The pose of a sensor 0.8 m above the floor."""
    return np.asarray(T @ se3.from_rotation_translation(np.eye(3), np.array([0.0, 0.0, 0.8])))


def office_beside_a_hall(door_is_closed: bool) -> Mesh:
    """An office of 4 x 3.5 m with a door to a hall of 40 x 24 x 6 m, where crates stand on both sides of the way."""
    random = np.random.default_rng(8)
    parts = [box((56.0, 30.0, 0.2), (16.0, 0.0, -0.2)), box((40.0, 24.0, 0.2), (20.0, 0.0, 6.0))]
    parts += [box((40.0, 0.2, 6.0), (20.0, side * 12.0, 0.0)) for side in (-1.0, 1.0)]
    parts += [box((0.2, 24.0, 6.0), (40.0, 0.0, 0.0)), box((0.2, 1.0, 3.9), (0.0, 0.0, 2.1))]
    parts += [box((0.2, 11.5, 6.0), (0.0, side * 6.25, 0.0)) for side in (-1.0, 1.0)]
    parts += [box((4.0, 0.1, 2.8), (-2.0, side * 1.75, 0.0)) for side in (-1.0, 1.0)]
    parts += [box((0.1, 3.5, 2.8), (-4.0, 0.0, 0.0)), box((4.0, 3.5, 0.1), (-2.0, 0.0, 2.8))]
    parts += [box((1.6, 0.8, 0.75), (-3.0, 1.2, 0.0)), box((0.9, 0.45, 1.9), (-3.3, -1.4, 0.0))]
    for _ in range(20):
        place = (random.uniform(5.0, 38.0), random.choice([-1.0, 1.0]) * random.uniform(3.0, 11.0), 0.0)
        parts.append(box(tuple(random.uniform([0.8, 0.8, 1.0], [4.0, 3.0, 4.5])), place, random.choice([0.0, 0.5])))
    if door_is_closed:
        parts.append(box((0.05, 1.0, 2.1), (0.0, 0.0, 0.0)))
    return joined(parts)
