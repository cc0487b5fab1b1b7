"""Points that no sensor measured are left out, and what a sensor may have measured is kept."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.datasets.scan_pair import ScanPair
from isometry.geometry import se3
from isometry.registration.files import register_points
from isometry.registration.outliers import measured
from isometry.registration.pipeline import Registrar, load_registrar
from isometry.registration.preprocessing import prepare
from isometry.simulation.pairs import simulated_pair


@pytest.fixture(scope="module")
def registrar() -> Registrar:
    return load_registrar("upright")


@pytest.fixture(scope="module")
def pair() -> ScanPair:
    return simulated_pair("street", 1002)


def far_points(kind: str, random: np.random.Generator) -> Array:
    """Points that readers of files and drivers have been seen to give."""
    return {
        "one at 1 km": np.array([[1000.0, 200.0, 50.0]]),
        "one at 200 km": np.array([[200_000.0, 1000.0, 50.0]]),
        "one per axis at 20 km": np.diag([2e4, -2e4, 2e4]),
        "one per axis at 1e10 m": np.diag([1e10, -1e10, 1e10]),
        "the largest float": np.full((1, 3), np.finfo(np.float32).max),
        "the largest double": np.full((3, 3), np.finfo(np.float64).max),
        "a cloud of 3 km": random.normal(0.0, 3000.0, (60, 3)),
        "a twentieth, at all distances": random.normal(size=(3000, 3)) * np.logspace(3, 8, 3000)[:, None],
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "one at 1 km",
        "one at 200 km",
        "one per axis at 20 km",
        "one per axis at 1e10 m",
        "the largest float",
        "the largest double",
        "a cloud of 3 km",
        "a twentieth, at all distances",
    ],
)
@pytest.mark.parametrize("where", ["scan", "map"])
def test_far_points_change_nothing_and_are_counted(
    registrar: Registrar, pair: ScanPair, random: np.random.Generator, kind: str, where: str
) -> None:
    clouds = {"map": pair.target.astype(np.float64), "scan": pair.source.astype(np.float64)}
    far = far_points(kind, random)
    clouds[where] = np.vstack([clouds[where], far])
    found = register_points(registrar, clouds["map"], clouds["scan"], np.zeros(3), np.zeros(3))
    assert found.accepted
    np.testing.assert_allclose(found.T_target_source, pair.T_target_source, atol=0.1)
    left_out = prepare(clouds[where], registrar.parameters).left_out
    assert 0.9 * len(far) <= left_out <= len(far)


def test_all_of_a_scan_and_all_of_a_long_map_is_kept(pair: ScanPair, random: np.random.Generator) -> None:
    scan = pair.source.astype(np.float64)
    assert measured(scan).all()
    along = np.concatenate([se3.apply(se3.from_planar(x, 0.0, 0.0), scan) for x in range(0, 20_000, 50)])
    assert measured(along).all()
    narrow = random.uniform(-1.0, 1.0, (10_000, 3))
    through_a_door = random.uniform([2.0, -0.5, -1.0], [18.0, 0.5, 1.0], (300, 3))
    assert measured(np.vstack([narrow, through_a_door])).all()


def test_a_cloud_that_is_mostly_zeros_keeps_its_points(pair: ScanPair) -> None:
    scan = pair.source.astype(np.float64)
    assert measured(np.vstack([np.zeros((20 * len(scan), 3)), scan])).all()


def test_what_is_measured_does_not_depend_on_the_frame(pair: ScanPair, random: np.random.Generator) -> None:
    scan = np.vstack([pair.source, random.normal(0.0, 3000.0, (60, 3))])
    turned = se3.apply(se3.from_planar(5e5, 5e6, 1.0), scan)
    np.testing.assert_array_equal(measured(scan), measured(turned))


def test_no_point_is_no_error() -> None:
    assert measured(np.zeros((3, 3))).all()
