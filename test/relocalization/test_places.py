"""A map as places: the same wherever it lies, in the size of a scan, with bounded work."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.preprocessing import prepare
from isometry.registration.types import UnusableCloudError
from isometry.relocalization import places as module
from isometry.relocalization.map_levels import MapLevel, MapLevels
from isometry.relocalization.places import CloudPlaces
from isometry.relocalization.scan import Scan

PARAMETERS = RegistrationParameters()


def site(random: np.random.Generator, length: float = 300.0, width: float = 80.0) -> Array:
    """Level ground with boxes on it (N,3): one for every 20 m by 20 m."""
    count = int(2.0 * length * width)
    parts = [np.column_stack([random.uniform(0.0, [length, width], (count, 2)), np.zeros(count)])]
    for _ in range(int(length * width / 400.0)):
        corner, size = random.uniform(0.0, [length, width, 0.0]), random.uniform([2.0, 2.0, 2.0], [8.0, 8.0, 6.0])
        sides = random.uniform(0.0, 1.0, (600, 3))
        side = random.integers(2, size=len(sides))
        sides[np.arange(len(sides)), side] = np.round(sides[np.arange(len(sides)), side])
        parts.append(corner + sides * size)
    cloud: Array = np.concatenate(parts)
    return cloud + random.normal(0.0, 0.01, cloud.shape)


def scan_at(cloud: Array, where: Array, reach: float) -> Scan:
    """What lies within `reach` of a place, seen from there."""
    points = cloud[np.linalg.norm(cloud - where, axis=1) < reach] - where
    return Scan(points, prepare(points, PARAMETERS, np.zeros(3)))


@pytest.fixture(scope="module")
def cloud() -> Array:
    return site(np.random.default_rng(0))


@pytest.mark.parametrize("radius", [0.5, 7.0, 30.0, 1000.0])
def test_a_level_finds_what_a_comparison_with_all_points_finds(random: np.random.Generator, radius: float) -> None:
    points = (random.normal(size=(5000, 3)) * [3.0, 20.0, 60.0]).astype(np.float32).astype(np.float64)
    level = MapLevel(points, 0.1)
    for centre in ([0.0, 0.0, 0.0], [1.0, -15.0, 40.0], [0.0, 0.0, 5000.0]):
        found = level.within(np.array(centre), radius)
        expected = points[np.linalg.norm(points - centre, axis=1) <= radius]
        assert sorted(map(tuple, found)) == sorted(map(tuple, expected))


def test_the_levels_are_the_resolutions_of_scans_down_to_the_details_of_the_map(random: np.random.Generator) -> None:
    cloud = random.uniform(0.0, [60.0, 60.0, 0.1], (40_000, 3))
    levels = MapLevels(cloud).levels
    resolutions = [level.resolution for level in levels]
    assert resolutions == sorted(resolutions)
    assert resolutions[-1] == pytest.approx(0.8)
    np.testing.assert_allclose(np.diff(np.log2(resolutions)), 0.5)
    assert 0.1 < resolutions[0] < 0.3  # its points lie 0.3 m apart
    assert MapLevels(cloud).at(0.025).resolution == resolutions[0]
    assert MapLevels(cloud).at(0.4).resolution == pytest.approx(0.4)
    assert [level.resolution for level in MapLevels(cloud, 0.3).levels] == [0.3]


def test_a_large_map_has_a_bounded_number_of_points(cloud: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isometry.relocalization.map_levels.MOST_POINTS", 10_000)
    monkeypatch.setattr("isometry.relocalization.map_levels.CHUNK", 20_000)
    levels = MapLevels(cloud).levels
    assert all(len(level.points) <= 10_000 for level in levels)
    assert levels[0].resolution > 0.4


def test_a_place_has_a_bounded_number_of_points(cloud: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = scan_at(cloud, np.array([150.0, 40.0, 0.0]), 25.0)
    whole = CloudPlaces(cloud, PARAMETERS).around(scan, se3.from_planar(150.0, 40.0, 0.0))
    assert whole is not None
    monkeypatch.setattr(module, "MOST_POINTS", len(whole.cloud.points) * 2 // 3)
    thinner = CloudPlaces(cloud, PARAMETERS).around(scan, se3.from_planar(150.0, 40.0, 0.0))
    assert thinner is not None
    assert len(thinner.cloud.points) <= module.MOST_POINTS
    assert thinner.cloud.resolution > whole.cloud.resolution
    assert np.linalg.norm(thinner.cloud.points, axis=1).max() > 0.95 * scan.reach


@pytest.mark.parametrize("shift", [[300.0, -200.0, 40.0], [691_234.5, 5_334_567.9, 519.0]])
def test_places_move_with_the_map(cloud: Array, shift: list[float]) -> None:
    T = se3.from_rotation_translation(Rotation.from_rotvec([0.0, 0.0, 2.0]).as_matrix(), np.array(shift))
    T_map_base = se3.from_planar(150.0, 40.0, 0.3)
    scan = scan_at(cloud, T_map_base[:3, 3], 25.0)
    still, moved = CloudPlaces(cloud, PARAMETERS), CloudPlaces(se3.apply(T, cloud), PARAMETERS)
    first, second = still.around(scan, T_map_base), moved.around(scan, T @ T_map_base)
    assert first is not None
    assert second is not None
    pairs = [(first, second), *zip(still.candidates(scan, None), moved.candidates(scan, None), strict=True)]
    assert len(pairs) > 5
    for a, b in pairs:
        np.testing.assert_allclose(b.cloud.points, a.cloud.points, atol=2e-5)
        np.testing.assert_allclose(b.T_map_cloud, T @ a.T_map_cloud, atol=1e-5)
        assert a.cloud.up is not None
        np.testing.assert_allclose(a.T_map_cloud[:3, :3] @ a.cloud.up, [0.0, 0.0, 1.0], atol=1e-9)


def test_every_part_of_the_map_is_in_a_tile_and_the_search_can_begin_anywhere(cloud: Array) -> None:
    scan = scan_at(cloud, np.array([150.0, 40.0, 0.0]), 25.0)
    places = CloudPlaces(cloud, PARAMETERS)
    centres = np.array([place.T_map_cloud[:3, 3] for place in places.candidates(scan, None)])
    apart = np.linalg.norm(cloud[:, None] - centres, axis=2).min(axis=1)
    assert apart.max() < 1.5 * scan.reach
    rest = [place.T_map_cloud[:3, 3] for place in places.candidates(scan, None, 3)]
    np.testing.assert_array_equal(rest, centres[3:])
    near = next(places.candidates(scan, se3.from_planar(280.0, 70.0, 0.0)))
    assert np.linalg.norm(near.T_map_cloud[:2, 3] - [280.0, 70.0]) < scan.reach


def test_tiles_follow_the_reach_and_the_resolution_of_scans(cloud: Array) -> None:
    places = CloudPlaces(cloud, PARAMETERS)
    middle = np.array([150.0, 40.0, 0.0])
    for reach in (12.0, 30.0, 12.0):
        scan = scan_at(cloud, middle, reach)
        place = next(places.candidates(scan, se3.from_planar(150.0, 40.0, 0.0)))
        radius = np.linalg.norm(place.cloud.points, axis=1).max()
        assert radius == pytest.approx(1.5 * scan.reach, rel=0.1)
        assert place.cloud.resolution >= scan.cloud.resolution * 0.999


def test_a_coarse_map_has_no_place_for_a_scan_of_small_extent(cloud: Array, random: np.random.Generator) -> None:
    places = CloudPlaces(cloud, PARAMETERS)
    cupboard = random.uniform(-0.5, 0.5, (5000, 3))
    scan = Scan(cupboard, prepare(cupboard, PARAMETERS, np.zeros(3)))
    assert scan.cloud.resolution < 0.05
    assert places.around(scan, se3.from_planar(150.0, 40.0, 0.0)) is None
    assert next(places.candidates(scan, None), None) is None


def test_a_robot_that_hardly_moves_sees_the_same_place(cloud: Array) -> None:
    places = CloudPlaces(cloud, PARAMETERS)
    scan = scan_at(cloud, np.array([150.0, 40.0, 0.0]), 25.0)
    first = places.around(scan, se3.from_planar(150.0, 40.0, 0.0))
    assert places.around(scan, se3.from_planar(151.0, 40.0, 1.0)) is first
    assert places.around(scan, se3.from_planar(160.0, 40.0, 1.0)) is not first
    assert places.around(scan, se3.from_planar(5000.0, 40.0, 1.0)) is None


def test_few_tiles_are_kept(cloud: Array) -> None:
    places = CloudPlaces(cloud, PARAMETERS)
    scan = scan_at(cloud, np.array([150.0, 40.0, 0.0]), 12.0)
    first = next(places.candidates(scan, None))
    assert next(places.candidates(scan, None)) is first
    assert len(list(islice(places.candidates(scan, None), 1, None))) > module.KEPT_TILES
    assert next(places.candidates(scan, None)) is not first


def test_far_points_of_a_map_are_left_out_and_counted(cloud: Array) -> None:
    noisy = np.vstack([cloud, np.diag([2e5, -2e5, 2e5]), [[np.nan, 0.0, 0.0]]])
    places = CloudPlaces(noisy, PARAMETERS)
    assert places.left_out == 3
    scan = scan_at(cloud, np.array([150.0, 40.0, 0.0]), 25.0)
    found = places.around(scan, se3.from_planar(150.0, 40.0, 0.0))
    expected = CloudPlaces(cloud, PARAMETERS).around(scan, se3.from_planar(150.0, 40.0, 0.0))
    assert found is not None
    assert expected is not None
    np.testing.assert_allclose(found.cloud.points, expected.cloud.points, atol=2e-5)


@pytest.mark.parametrize(
    ("points", "why"),
    [
        (np.zeros((0, 3)), "0 finite points"),
        (np.full((500, 3), np.nan), "0 finite points"),
        (np.random.default_rng(0).uniform(0.0, [400.0, 400.0, 0.01], (20_000, 3)), "lie in one plane"),
        (1000.0 * site(np.random.default_rng(0), 60.0, 60.0), "millimetre"),
    ],
    ids=["empty", "not finite", "a plane", "millimetres"],
)
def test_a_map_that_no_scan_can_be_registered_to_is_refused(points: Array, why: str) -> None:
    with pytest.raises(UnusableCloudError, match=why):
        CloudPlaces(points, PARAMETERS)
