"""Where the target repeats itself, a transform is refused and the other ones are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.pipeline import Registrar, load_registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Cloud, Registration
from isometry.simulation.sensors.lidar import LidarSimulator, SpinningLidar
from isometry.simulation.world_scanner import WorldScanner
from isometry.simulation.worlds.registry import build_world
from isometry.simulation.worlds.shapes import Mesh, box, joined

LIDAR = SpinningLidar(beams=32, highest_deg=40.0, lowest_deg=-40.0, azimuth_step_deg=0.5, range_m=60.0)
RAISED = se3.from_rotation_translation(np.eye(3), np.array([0.0, 0.0, 1.2]))
TRUTH = se3.from_planar(-4.0, 1.0, 2.0) @ RAISED


def hall(seed: int) -> Mesh:
    """A furnished hall of 30 by 20 m around the origin."""
    random = np.random.default_rng(seed)
    walls = [
        box((30.0, 20.0, 0.2), (0.0, 0.0, -0.2)),
        box((30.0, 20.0, 0.2), (0.0, 0.0, 5.0)),
        *(box((30.0, 0.2, 5.0), (0.0, side * 10.0, 0.0)) for side in (-1.0, 1.0)),
        *(box((0.2, 20.0, 5.0), (side * 15.0, 0.0, 0.0)) for side in (-1.0, 1.0)),
    ]
    furniture = [
        box(random.uniform((0.6, 0.6, 1.0), (4.0, 2.0, 4.0)), (*random.uniform((-13, -8), (13, 8)), 0.0))
        for _ in range(14)
    ]
    return joined(walls + furniture)


def scanned(mesh: Mesh, poses: Array, seed: int = 0) -> Array:
    """Points (N,3) in the world of scans from poses (K,4,4)."""
    random, simulator = np.random.default_rng(seed), LidarSimulator(mesh, LIDAR)
    return np.vstack([se3.apply(T, simulator.scan(T, random).astype(np.float64)) for T in poses])


def mapped(shifts: Array) -> Cloud:
    """A map of equal halls at shifts (K,3)."""
    points = scanned(hall(11), np.array([se3.from_planar(x, y, x) @ RAISED for x in (-9, 0, 9) for y in (-5, 5)]))
    return prepare(np.vstack([points + shift for shift in shifts]), RegistrationParameters())


@pytest.fixture(scope="module")
def registrar() -> Registrar:
    return load_registrar("upright")


@pytest.fixture(scope="module")
def scan() -> Cloud:
    world = scanned(hall(11), TRUTH[None], seed=5)
    return prepare(se3.apply(se3.inverse(TRUTH), world), RegistrationParameters(), np.zeros(3))


def right_among(found: Registration, truths: Array) -> list[bool]:
    """Whether each true transform (K,4,4) is the transform that was found or one of the alternatives."""
    answers = np.concatenate([found.T_target_source[None], found.alternatives])
    return [min(np.linalg.norm((answers - truth)[:, :3, 3], axis=1)) < 0.5 for truth in truths]


def test_one_hall_is_accepted_without_alternatives(registrar: Registrar, scan: Cloud) -> None:
    found = registrar.register(mapped(np.zeros((1, 3))), scan)
    assert found.accepted
    assert len(found.alternatives) == 0
    assert right_among(found, TRUTH[None]) == [True]


@pytest.mark.parametrize("shift", [(31.0, 0.0, 0.0), (0.0, 0.0, 6.0)], ids=["beside", "above"])
def test_of_two_equal_halls_neither_is_accepted_and_both_are_named(
    registrar: Registrar, scan: Cloud, shift: tuple[float, float, float]
) -> None:
    shifts = np.array([(0.0, 0.0, 0.0), shift])
    found = registrar.register(mapped(shifts), scan)
    assert not found.accepted
    assert found.reason == "ambiguous"
    truths = np.tile(TRUTH, (2, 1, 1))
    truths[:, :3, 3] += shifts
    assert right_among(found, truths) == [True, True]


def test_a_position_along_an_even_tunnel_is_not_accepted(registrar: Registrar) -> None:
    tunnel = joined(
        [
            *(box((200.0, 6.0, 0.2), (0.0, 0.0, z)) for z in (-0.2, 4.0)),
            *(box((200.0, 0.2, 4.0), (0.0, side * 3.0, 0.0)) for side in (-1.0, 1.0)),
        ]
    )
    lidar = replace(LIDAR, highest_deg=20.0, lowest_deg=-25.0, range_m=40.0)
    simulator, random = LidarSimulator(tunnel, lidar), np.random.default_rng(0)
    here, there = RAISED, se3.from_planar(10.0, 0.2, 3.0) @ RAISED
    target, source = (prepare(simulator.scan(T, random), RegistrationParameters(), np.zeros(3)) for T in (here, there))
    found = registrar.register(target, source)
    assert not found.accepted
    assert found.reason == "ambiguous"


def test_two_scans_of_a_tunnel_are_not_laid_on_each_other_by_their_patterns_of_beams(registrar: Registrar) -> None:
    """Of a tunnel whose floor is rung by rung of beams, where the normals of the rungs once decided."""
    world = build_world("tunnel", 5)
    scanner, lap, random = WorldScanner(world), world.lap(1.0), np.random.default_rng(0)
    for gap in (3, 20):
        scans = (scanner.scan(lap[k], random) for k in (60, 60 + gap))
        target, source = (prepare(scan, RegistrationParameters(), scanner.origin) for scan in scans)
        found = registrar.register(target, source)
        assert not found.accepted
        assert found.reason == "ambiguous"
        assert np.sqrt(np.linalg.eigvalsh(found.covariance[:3, :3])[-1]) > 10.0
