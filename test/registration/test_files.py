"""Viewpoints, coordinates far from the origin, and the result as a table."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.datasets.scan_pair import ScanPair
from isometry.geometry import se3
from isometry.registration.files import as_table, register_points
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.pipeline import Registrar, load_registrar
from isometry.registration.types import Registration, UnusableCloudError
from isometry.simulation.pairs import simulated_pair


@pytest.fixture(scope="module")
def pair() -> ScanPair:
    return simulated_pair("building", 1)


@pytest.mark.parametrize("seen", [True, False])
def test_clouds_in_utm_are_registered_to_the_centimetre(pair: ScanPair, seen: bool) -> None:
    registrar = load_registrar("upright")
    north, other = np.array([691_234.56, 5_334_567.89, 519.0]), np.array([-400_000.25, 6_000_000.5, 12.0])
    T_map_target, T_map_source = (
        se3.from_rotation_translation(Rotation.from_rotvec(turn).as_matrix(), place)
        for turn, place in (([0.0, 0.0, 0.4], north), ([2.0, 0.3, 0.1], other))
    )
    target, source = (
        se3.apply(T, cloud.astype(np.float64))
        for T, cloud in ((T_map_target, pair.target), (T_map_source, pair.source))
    )
    found = register_points(registrar, target, source, *((north, other) if seen else (None, None)))
    assert found.accepted
    expected = T_map_target @ pair.T_target_source @ se3.inverse(T_map_source)
    places = se3.apply(found.T_target_source, source[::100])
    np.testing.assert_allclose(places, se3.apply(expected, source[::100]), atol=0.03)


def test_a_refusal_says_which_of_the_two(pair: ScanPair) -> None:
    registrar = load_registrar("upright")
    with pytest.raises(UnusableCloudError, match=r"^target: a cloud has 3 finite points"):
        register_points(registrar, np.eye(3), pair.source.astype(np.float64))
    with pytest.raises(UnusableCloudError, match=r"^source: the points of a cloud lie .* is its unit the millimetre"):
        register_points(registrar, pair.target.astype(np.float64), pair.source.astype(np.float64) * 1000.0)


def test_the_table_tells_what_the_answer_holds() -> None:
    T = se3.from_planar(1.0, 2.0, np.pi / 2)
    found = Registration(T, np.diag([0.04, 0.09, 0.16, *np.radians([1.0, 2.0, 3.0]) ** 2]), 0.97, True, "ok", 0.5, "x")
    table = json.loads(json.dumps(as_table(found)))
    assert table["translation_m"] == [1.0, 2.0, 0.0]
    np.testing.assert_allclose(table["quaternion_xyzw"], [0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)])
    np.testing.assert_allclose(table["sigma_translation_m"], [0.2, 0.3, 0.4])
    np.testing.assert_allclose(table["sigma_rotation_deg"], [1.0, 2.0, 3.0])
    none = as_table(Registration(np.eye(4), np.eye(6) * 1e6, 0.0, False, "no_hypothesis", 0.0, ""))
    assert none["sigma_translation_m"] is None


def test_points_that_no_sensor_measured_are_named(pair: ScanPair, caplog: pytest.LogCaptureFixture) -> None:
    source = np.vstack([pair.source.astype(np.float64), np.diag([2e4, -2e4, 2e4])])
    register_points(Registrar([], RegistrationParameters()), pair.target.astype(np.float64), source)
    assert caplog.messages == ["source: left out 3 points far off all others"]
