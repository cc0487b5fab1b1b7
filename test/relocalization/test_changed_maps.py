"""Robots in one of two equal halls, with a map that is not as the world is: they must not be located in the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.pipeline import load_registrar
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.pipeline import Relocalizer
from isometry.relocalization.places import CloudPlaces
from isometry.simulation.sensors.lidar import LidarSimulator, SpinningLidar
from isometry.simulation.worlds.shapes import Mesh, box, joined

OTHER_M = 120.0  # along x, from the hall of the robot to the other one
STANDS = [(x, y) for x in (-9.0, -3.0, 3.0, 9.0) for y in (-5.0, 5.0)]  # from which a hall is mapped
LIDAR = SpinningLidar(32, 40.0, -40.0, azimuth_step_deg=0.5)
LORRY = [box((10.0, 2.5, 3.2), (3.0, -3.0, 0.0))]
TWO_CARS = [box((4.3, 1.8, 1.5), (3.0, -3.0, 0.0)), box((4.3, 1.8, 1.5), (-6.0, 5.0, 0.0))]

pytestmark = pytest.mark.slow


def hall(x: float) -> list[Mesh]:
    """A hall of 30 x 20 x 5 m with some things in it, the same each time."""
    random = np.random.default_rng(3)
    parts = [box((30.0, 20.0, 0.2), (0.0, 0.0, z)) for z in (-0.2, 5.0)]
    parts += [box((30.0, 0.2, 5.0), (0.0, y, 0.0)) for y in (-10.0, 10.0)]
    parts += [box((0.2, 20.0, 5.0), (end, 0.0, 0.0)) for end in (-15.0, 15.0)]
    for _ in range(14):
        place = (random.uniform(-13.0, 13.0), random.uniform(-8.0, 8.0), 0.0)
        parts.append(box(tuple(random.uniform([0.6, 0.6, 1.0], [4.0, 2.0, 4.0])), place, random.uniform(0.0, 3.0)))
    return [joined(parts, se3.from_planar(x, 0.0, 0.0))]


def at(x: float, y: float, yaw: float) -> Array:
    """The pose (4,4) of a sensor 1.2 m above the floor."""
    return np.asarray(se3.from_rotation_translation(np.eye(3), np.array([0.0, 0.0, 1.2])) @ se3.from_planar(x, y, yaw))


def map_of(simulator: LidarSimulator, own_stands: Sequence[tuple[float, float]]) -> Array:
    """Scans (N,3) from stands in the hall of the robot, and from all stands in the other one."""
    random = np.random.default_rng(1)
    stands = [at(x, y, random.uniform(0.0, 6.0)) for x, y in own_stands]
    stands += [at(OTHER_M + x, y, random.uniform(0.0, 6.0)) for x, y in STANDS]
    return np.concatenate([se3.apply(T, simulator.scan(T, random).astype(np.float64)) for T in stands])


@pytest.mark.parametrize(
    ("gone", "own_stands", "changed_places"),
    [(LORRY, STANDS, 1), (TWO_CARS, STANDS, 2), ([], STANDS[3:5], 1), ([], STANDS[1::2], 1)],
    ids=["a lorry left", "two cars left", "mapped from two places", "mapped from one side"],
)
def test_what_left_or_was_never_mapped_does_not_make_the_other_hall_the_right_one(
    gone: list[Mesh], own_stands: Sequence[tuple[float, float]], changed_places: int
) -> None:
    halls = hall(0.0) + hall(OTHER_M)
    points = map_of(LidarSimulator(joined(halls + gone), LIDAR), own_stands)
    simulator, random = LidarSimulator(joined(halls), LIDAR), np.random.default_rng(7)
    parameters = RelocalizationParameters(time_limit=60.0, changed_places=changed_places)
    robot = Relocalizer(load_registrar(), CloudPlaces(points, RegistrationParameters()), parameters)
    start = at(-6.0, 1.0, 0.35)
    for k in range(7):
        T_world_base = at(-6.0 + 0.8 * k, 1.0, 0.35 + 0.05 * k)
        step = robot.process(simulator.scan(T_world_base, random), se3.inverse(start) @ T_world_base)
        assert not step.located
    assert step.reason == "ambiguous"
    from_own = step.alternatives[:, 0, 3] - T_world_base[0, 3]
    assert np.abs(from_own).min() < 0.5
    assert np.abs(from_own - OTHER_M).min() < 0.5
