"""LiDAR odometry where surfaces leave a direction free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.geometry.covariance import AXES
from isometry.lidar_odometry.parameters import LidarOdometryParameters
from isometry.lidar_odometry.pipeline import LidarOdometry, OdometryStep
from isometry.simulation.sensors.lidar import LidarSimulator, SpinningLidar
from isometry.simulation.worlds.shapes import Mesh, box, cylinder, joined

TENTH_NS = 100_000_000
LIDAR = SpinningLidar(beams=32, highest_deg=15.0, lowest_deg=-25.0, azimuth_step_deg=0.8)
LASER = SpinningLidar(beams=1, highest_deg=0.0, lowest_deg=0.0, azimuth_step_deg=0.25, range_m=30.0, noise_m=0.01)
SHORT = replace(LIDAR, range_m=12.0)
HEIGHT = 1.8


def ground() -> Mesh:
    return box((800.0, 800.0, 1.0), (0.0, 0.0, -1.0))


def tunnel() -> Mesh:
    """Even for x > 0; at x < 0 a road between boxes leads to it."""
    walls = [box((500.0, 0.3, 6.0), (250.0, side * 4.0, 0.0)) for side in (-1.0, 1.0)]
    random = np.random.default_rng(0)
    boxes = [
        box(random.uniform(1.0, 4.0, 3), (x, side * random.uniform(4.0, 9.0), 0.0))
        for x in np.arange(-60.0, 0.0, 4.0)
        for side in (-1.0, 1.0)
    ]
    return joined([ground(), *walls, box((500.0, 8.0, 0.3), (250.0, 0.0, 6.0)), *boxes])


def silo() -> Mesh:
    return joined([ground(), cylinder(6.0, 20.0, (0.0, 0.0, 0.0), sides=96)])


def shaft() -> Mesh:
    walls = [box((0.3, 6.0, 200.0), (side * 3.0, 0.0, -100.0)) for side in (-1.0, 1.0)]
    return joined([*walls, *(box((6.0, 0.3, 200.0), (0.0, side * 3.0, -100.0)) for side in (-1.0, 1.0))])


def corridor() -> Mesh:
    """60 m along x, 2 m wide and 2.6 m high, closed at both ends."""
    walls = [box((60.0, 0.2, 2.6), (0.0, side * 1.1, 0.0)) for side in (-1.0, 1.0)]
    ends = [box((0.2, 2.4, 2.6), (side * 30.1, 0.0, 0.0)) for side in (-1.0, 1.0)]
    return joined([*walls, *ends, *(box((60.0, 2.4, 0.2), (0.0, 0.0, z)) for z in (-0.2, 2.6))])


def driven(mesh: Mesh, poses: Array, lidar: SpinningLidar = LIDAR) -> tuple[Array, list[OdometryStep]]:
    """The true poses in the frame of the first, and the steps of the odometry."""
    simulator, random = LidarSimulator(mesh, lidar), np.random.default_rng(1)
    odometry = LidarOdometry(LidarOdometryParameters())
    steps = [odometry.process(simulator.scan(pose, random), (k + 1) * TENTH_NS) for k, pose in enumerate(poses)]
    return se3.inverse(poses[0]) @ poses, steps


def moving(start: tuple[float, float, float], step: tuple[float, float, float], count: int, turn: float = 0.0) -> Array:
    """Poses (C,4,4) with an equal shift and turn about z from one to the next."""
    poses = np.array([se3.from_planar(0.0, 0.0, turn * k) for k in range(count)])
    poses[:, :3, 3] = np.array(start) + np.arange(count)[:, None] * step
    return poses


def errors_over_sigma(true: Array, steps: list[OdometryStep]) -> Array:
    errors = se3.error(np.array([step.T_odom_base for step in steps]), true)
    return np.abs(errors) / np.sqrt([np.diag(step.covariance) for step in steps])


IN_TUNNEL = moving((200.0, 0.0, HEIGHT), (1.0, 0.0, 0.0), 25)


@pytest.mark.parametrize(
    ("build", "poses", "free"),
    [
        (tunnel, IN_TUNNEL, ["x"]),
        (tunnel, IN_TUNNEL @ se3.from_planar(0.0, 0.0, np.pi / 2.0), ["y"]),
        (ground, moving((0.0, 0.0, HEIGHT), (0.6, 0.0, 0.0), 25), ["x", "y", "yaw"]),
        (shaft, moving((0.0, 0.0, 0.0), (0.0, 0.0, 0.3), 25), ["z"]),
        (silo, moving((0.0, 0.0, HEIGHT), (0.0, 0.0, 0.0), 25, 0.1), ["yaw"]),
    ],
    ids=["tunnel", "tunnel, sensor turned", "field", "shaft", "silo"],
)
def test_a_free_direction_is_named_and_its_covariance_covers_the_motion(
    build: Callable[[], Mesh], poses: Array, free: list[str]
) -> None:
    true, steps = driven(build(), poses)
    assert all(step.unheld == free for step in steps)
    assert errors_over_sigma(true, steps).max() < 2.0
    # the other directions are as exact as anywhere
    held = np.diag(steps[-1].covariance)[[axis not in free for axis in AXES]]
    assert np.sqrt(held.max()) < 0.1


@pytest.mark.parametrize("turn", [0.0, np.pi / 2.0], ids=["sensor ahead", "sensor turned"])
def test_in_a_corridor_whose_ends_are_out_of_range_the_way_along_it_is_free(turn: float) -> None:
    """A robot that is switched on there, 15 m from an end, and drives at a walking pace."""
    poses = moving((-15.0, 0.0, 1.0), (0.08, 0.0, 0.0), 40) @ se3.from_planar(0.0, 0.0, turn)
    true, steps = driven(corridor(), poses, SHORT)
    along = 1 if turn else 0
    assert all(step.fits for step in steps)
    assert all(step.unheld == [AXES[along]] for step in steps)
    assert errors_over_sigma(true, steps).max() < 2.0
    sigmas = np.sqrt(np.diag(steps[-1].covariance))
    assert sigmas[along] > 3.0  # it cannot know that it has not stood, and has driven so far
    assert np.delete(sigmas, along).max() < 0.1
    _, near_an_end = driven(corridor(), se3.from_planar(-10.0, 0.0, 0.0) @ poses[:5], SHORT)
    assert not any(step.unheld for step in near_an_end)


@pytest.mark.parametrize("step", [0.5, 1.0])
@pytest.mark.parametrize("start", [27.0, 24.0, 20.0])
@pytest.mark.parametrize("heading", [0.0, np.pi], ids=["to the end", "away from it"])
def test_the_end_of_a_corridor_says_nothing_until_it_is_aligned(start: float, step: float, heading: float) -> None:
    """The first map has the end of a corridor, which the next scan sees half a metre or a metre nearer or further."""
    count = min(30, int((28.5 - start) / step)) if heading == 0.0 else 30
    poses = moving((0.0, 0.0, 1.3), (step, 0.0, 0.0), count)
    true, steps = driven(corridor(), se3.from_planar(start, 0.0, heading) @ poses, SHORT)
    assert errors_over_sigma(true, steps)[:, 0].max() < 2.0


@pytest.mark.parametrize("step", [0.5, 1.0])
def test_the_end_of_a_corridor_is_found_where_the_robot_has_driven_on(step: float) -> None:
    poses = moving((27.0, 0.0, 1.3), (-step, 0.0, 0.0), 9)
    true, steps = driven(corridor(), poses, SHORT)
    assert abs(steps[-1].T_odom_base[0, 3] - true[-1, 0, 3]) < 0.3


def test_in_a_tunnel_the_robot_goes_on_at_the_speed_at_which_it_came() -> None:
    true, steps = driven(tunnel(), moving((-30.0, 0.0, HEIGHT), (1.0, 0.0, 0.0), 140))
    assert not any(step.unheld for step in steps[:15])
    begun = next(k for k in range(140) if all(step.unheld == ["x"] for step in steps[k:]))
    assert begun < 115
    # an alignment of even walls says that the robot stands
    driven_blind = true[-1, 0, 3] - true[begun, 0, 3]
    assert abs(steps[-1].T_odom_base[0, 3] - true[-1, 0, 3]) < 0.2 * driven_blind
    assert errors_over_sigma(true, steps)[:, 0].max() < 2.0
    # an error of the speed adds up with time, faster than its root
    sigmas = np.sqrt([step.covariance[0, 0] for step in steps[begun:]])
    assert sigmas[20] / sigmas[5] > 4.0


def test_where_everything_is_held_nothing_is_named() -> None:
    true, steps = driven(tunnel(), moving((-30.0, 0.0, HEIGHT), (0.2, 0.0, 0.0), 20))
    assert not any(step.unheld for step in steps)
    assert np.linalg.norm(steps[-1].T_odom_base[:3, 3] - true[-1, :3, 3]) < 0.1
    assert np.sqrt(np.diag(steps[-1].covariance).max()) < 0.1


def test_a_planar_laser_moves_in_its_plane() -> None:
    random = np.random.default_rng(2)
    spots = random.uniform(-20.0, 20.0, (40, 2))
    spots = spots[np.linalg.norm(spots, axis=1) > 5.0]  # the robot is in the middle
    things = [box((*random.uniform(0.5, 3.0, 2), 4.0), (*spot, 0.0), random.uniform(0.0, 3.0)) for spot in spots]
    true, steps = driven(joined(things), moving((0.0, 0.0, 1.0), (0.04, 0.0, 0.0), 25, 0.03), LASER)
    assert not any(step.unheld for step in steps)
    metres, angle = se3.distance(steps[-1].T_odom_base, true[-1])
    assert metres < 0.1
    assert angle < 0.02
    assert abs(steps[-1].T_odom_base[2, 3]) < 0.01
