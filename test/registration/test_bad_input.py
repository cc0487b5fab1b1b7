"""What cannot be registered: refused in one line that says why, or answered with a low confidence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.datasets.scan_pair import ScanPair
from isometry.geometry import se3
from isometry.registration.pipeline import Registrar, load_registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Registration, UnusableCloudError
from isometry.simulation.pairs import simulated_pair

Points = np.ndarray
TURN = Rotation.from_rotvec([1.9, -0.7, 0.4]).as_matrix()
NOISE_M = 0.01


@pytest.fixture(scope="module")
def registrar() -> Registrar:
    return load_registrar("default")


@pytest.fixture(scope="module")
def building() -> ScanPair:
    return simulated_pair("building", 1)


def register(registrar: Registrar, target: Points, source: Points) -> Registration:
    sensor = np.zeros(3)
    return registrar.register(
        prepare(target, registrar.parameters, sensor), prepare(source, registrar.parameters, sensor)
    )


def flat(random: np.random.Generator) -> Points:
    return np.column_stack([random.uniform(-20.0, 20.0, (20_000, 2)), random.normal(-1.7, NOISE_M, 20_000)])


def straight(random: np.random.Generator) -> Points:
    return np.column_stack([random.uniform(0.0, 10.0, 5000), random.normal(0.0, 0.001, (5000, 2))])


def wall(random: np.random.Generator) -> Points:
    return np.column_stack([random.uniform(-2.0, 2.0, (20_000, 2)), random.normal(0.0, 3.0 * NOISE_M, 20_000)])


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda random: np.zeros((0, 3)), "a cloud has 0 finite points"),
        (lambda random: random.random((50, 3)), "a cloud has 50 finite points"),
        (lambda random: np.full((5000, 3), np.nan), "a cloud has 0 finite points"),
        (lambda random: np.full((5000, 3), 7.0), "a cloud has 1 distinct"),
        (flat, "lie in one plane"),
        (lambda random: flat(random) @ TURN.T, "lie in one plane"),
        (wall, "lie in one plane"),
        (straight, "lie in one line"),
        (lambda random: random.random((5000, 2)), r"must have the shape \(N,3\), not \(5000, 2\)"),
        (lambda random: random.random(5000), r"must have the shape \(N,3\), not \(5000,\)"),
    ],
)
def test_a_cloud_that_determines_nothing_is_refused(
    registrar: Registrar, random: np.random.Generator, make: Callable[[np.random.Generator], Points], why: str
) -> None:
    with pytest.raises(UnusableCloudError, match=why) as refused:
        prepare(make(random), registrar.parameters)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("width", [300.0, 1500.0, 5000.0])
def test_a_wide_level_site_with_buildings_is_no_plane(
    registrar: Registrar, random: np.random.Generator, width: float
) -> None:
    count = int(width**2 / 25.0)
    ground = np.column_stack([random.uniform(-width / 2, width / 2, (count, 2)), random.normal(0.0, NOISE_M, count)])
    corners = random.uniform(-width / 2, width / 2, (20, 2))
    walls = [
        np.column_stack([corner[0] + random.uniform(0.0, 20.0, share), np.full(share, corner[1]), height])
        for corner in corners
        for share in [count // 500]
        for height in [random.uniform(0.0, 8.0, share)]
    ]
    assert len(prepare(np.vstack([ground, *walls]), registrar.parameters).points) > 1000
    with pytest.raises(UnusableCloudError, match="lie in one plane"):
        prepare(ground, registrar.parameters)


def test_millimetres_are_refused_by_name(registrar: Registrar, building: ScanPair) -> None:
    with pytest.raises(UnusableCloudError, match="is its unit the millimetre"):
        register(registrar, building.target, building.source * 1000.0)


def test_kilometres_are_refused(registrar: Registrar, building: ScanPair) -> None:
    with pytest.raises(UnusableCloudError, match="distinct"):
        register(registrar, building.target / 1000.0, building.source)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_points_that_are_not_finite_are_left_out(registrar: Registrar, building: ScanPair, value: float) -> None:
    target = building.target.copy()
    target[::3, 1] = value
    before = target.copy()
    found = register(registrar, target, building.source)
    np.testing.assert_array_equal(target, before)
    assert found.accepted
    np.testing.assert_allclose(found.T_target_source, building.T_target_source, atol=0.05)


def test_a_single_point_far_away_changes_nothing(registrar: Registrar, building: ScanPair) -> None:
    target = np.vstack([building.target, [[1e9, 0.0, 0.0]]])
    found = register(registrar, target, building.source)
    np.testing.assert_allclose(found.T_target_source, building.T_target_source, atol=0.1)


def test_two_places_are_not_brought_together(registrar: Registrar, building: ScanPair) -> None:
    elsewhere = simulated_pair("building", 2)
    found = register(registrar, building.target, elsewhere.source)
    assert not found.accepted
    assert found.confidence < 0.5
    assert found.reason in ("low_confidence", "no_hypothesis")
    assert np.isfinite(found.T_target_source).all()


def test_a_mirrored_place_is_another_place(registrar: Registrar, building: ScanPair) -> None:
    found = register(registrar, building.target, building.target * [1.0, -1.0, 1.0])
    assert not found.accepted


@pytest.mark.parametrize("drawn", [np.random.Generator.normal, np.random.Generator.uniform])
def test_noise_is_no_surface(registrar: Registrar, random: np.random.Generator, drawn: Callable[..., Points]) -> None:
    found = register(registrar, 5.0 * drawn(random, size=(5000, 3)), 5.0 * drawn(random, size=(5000, 3)))
    assert not found.accepted


def corridor(random: np.random.Generator, first: float, last: float) -> Points:
    """Both walls, floor and ceiling of a corridor along x that is the same everywhere."""
    points = np.column_stack([random.uniform(first, last, 20_000), random.uniform(-1.5, 1.5, (20_000, 2))])
    side = random.integers(4, size=len(points))
    points[side < 2, 1] = np.where(side[side < 2], 1.5, -1.5)
    points[side > 1, 2] = np.where(side[side > 1] == 2, 1.5, -1.5)
    return points + random.normal(0.0, NOISE_M, points.shape)


def sphere(random: np.random.Generator) -> Points:
    directions = random.normal(size=(20_000, 3))
    points: Points = 5.0 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return points


def square_room(random: np.random.Generator) -> Points:
    points = random.uniform(-0.5, 0.5, (20_000, 3))
    side = random.integers(6, size=len(points))
    points[np.arange(len(points)), side // 2] = np.where(side % 2, 0.5, -0.5)
    return points * [6.0, 6.0, 3.0] + random.normal(0.0, NOISE_M, points.shape)


@pytest.mark.parametrize(
    ("target", "source"),
    [
        (lambda random: corridor(random, -18.0, 18.0), lambda random: corridor(random, -11.0, 25.0)),
        (sphere, sphere),
        (square_room, square_room),
    ],
    ids=["corridor", "sphere", "square room"],
)
def test_what_fits_in_several_ways_is_not_accepted(
    registrar: Registrar,
    random: np.random.Generator,
    target: Callable[[np.random.Generator], Points],
    source: Callable[[np.random.Generator], Points],
) -> None:
    found = register(registrar, target(random), source(random) @ TURN.T)
    assert not found.accepted


def test_a_cloud_against_itself_is_found_however_it_is_turned(registrar: Registrar, building: ScanPair) -> None:
    T_turned_target = se3.from_rotation_translation(TURN, np.array([3.0, -2.0, 5.0]))
    turned = se3.apply(T_turned_target, building.target.astype(np.float64))
    found = registrar.register(prepare(building.target, registrar.parameters), prepare(turned, registrar.parameters))
    assert found.accepted
    np.testing.assert_allclose(found.T_target_source, se3.inverse(T_turned_target), atol=0.01)
