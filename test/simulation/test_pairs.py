from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from isometry.datasets.scan_pair import ScanPair, overlap
from isometry.geometry import se3
from isometry.simulation.pairs import KINDS, LEAST_OVERLAP, OVERLAP_VOXELS, simulated_pair
from isometry.simulation.sensors.depth_camera import DepthCamera, DepthSimulator, looking
from isometry.simulation.sensors.lidar import HDL_64E, LidarSimulator, RosetteLidar
from isometry.simulation.worlds.bend import random_bend
from isometry.simulation.worlds.building import build_building
from isometry.simulation.worlds.interior import Opening, wall
from isometry.simulation.worlds.shapes import box, frustum, lathed, leaves, sheet
from isometry.simulation.worlds.street import build_street, moved_on, random_traffic


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest) -> ScanPair:
    return simulated_pair(request.param, 5)


def kind_of(pair: ScanPair) -> str:
    return pair.name.partition("-")[0]


def median_off_surface(pair: ScanPair, T_target_source: np.ndarray) -> float:
    """Distance in metres of moved source points from planes through the target points around them, where there are."""
    moved = se3.apply(T_target_source, pair.source[::20].astype(float))
    distance, around = cKDTree(pair.target).query(moved, k=10)
    near = distance[:, -1] < 2.0 * OVERLAP_VOXELS[kind_of(pair)]
    patches = pair.target[around[near]].astype(float)
    centres = patches.mean(axis=1)
    normals = np.linalg.svd(patches - centres[:, None])[2][:, 2]
    return float(np.median(np.abs(np.einsum("ij,ij->i", moved[near] - centres, normals))))


def test_the_transform_lays_the_shared_surfaces_on_each_other(pair: ScanPair) -> None:
    """Where the clouds share anything they coincide, and they stop to when the transform is turned a little."""
    voxel = OVERLAP_VOXELS[kind_of(pair)]
    right = overlap(pair.target, pair.source, pair.T_target_source, voxel)
    assert right >= LEAST_OVERLAP
    away = se3.from_planar(0.0, 0.0, 0.5)
    away[:3, 3] += 10.0 * voxel
    assert overlap(pair.target, pair.source, pair.T_target_source @ away, voxel) < 0.7 * right
    assert median_off_surface(pair, pair.T_target_source) < 0.3 * voxel


def test_each_cloud_is_seen_from_its_own_origin(pair: ScanPair) -> None:
    assert pair.target_viewpoint is not None
    assert pair.source_viewpoint is not None
    np.testing.assert_array_equal(pair.target_viewpoint, np.zeros(3))
    for cloud in (pair.target, pair.source):
        assert cloud.dtype == np.float32
        assert cloud.shape[1] == 3
        assert len(cloud) > 5_000
        assert np.isfinite(cloud).all()
        assert np.linalg.norm(cloud, axis=1).min() > 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_every_point(kind: str) -> None:
    first, again, other = (simulated_pair(kind, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.target, again.target)
    np.testing.assert_array_equal(first.source, again.source)
    np.testing.assert_array_equal(first.T_target_source, again.T_target_source)
    assert not np.allclose(first.T_target_source, other.T_target_source)
    assert first.name == f"{kind}-1"


def test_kinds_differ_in_how_far_apart_and_how_tilted_the_sensors_are() -> None:
    def spread(kind: str) -> tuple[float, float]:
        transforms = [simulated_pair(kind, seed).T_target_source for seed in range(5)]
        tilts = [np.degrees(np.arccos(transform[2, 2])) for transform in transforms]
        return max(float(np.linalg.norm(each[:3, 3])) for each in transforms), float(np.median(tilts))

    street_m, street_tilt = spread("street")
    building_m, building_tilt = spread("building")
    assert 15.0 < street_m < 55.0
    assert street_tilt < 10.0
    assert building_m < 26.0
    assert building_tilt > 10.0


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'sea'.*street, building, room"):
        simulated_pair("sea", 0)


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


def test_depth_noise_grows_with_depth_and_reach_ends(random: np.random.Generator) -> None:
    camera = DepthCamera(warp=0.0, noise=1.0)
    spread = []
    for depth in (1.0, 4.0):
        before = DepthSimulator(box((0.1, 20.0, 20.0), (depth + 0.05, 0.0, -10.0)), camera, random)
        T_world_camera = looking(np.zeros(3), np.array([1.0, 0.0, 0.0]), 0.0)
        z = before.frame(T_world_camera, random)[:, 2]
        assert len(z) == camera.width * camera.height
        assert np.mean(z) == pytest.approx(depth, abs=0.005)
        spread.append(np.std(z))
    assert spread[0] == pytest.approx(0.0012 + 0.0019 * 0.36, rel=0.2)
    assert spread[1] > 5.0 * spread[0]
    far = DepthSimulator(box((0.1, 20.0, 20.0), (5.0, 0.0, -10.0)), camera, random)
    assert len(far.frame(T_world_camera, random)) == 0


def test_a_camera_looks_where_it_is_told_with_down_downwards() -> None:
    T_world_camera = looking(np.array([1.0, 2.0, 1.5]), np.array([4.0, 2.0, 1.5]), 0.0)
    np.testing.assert_allclose(se3.apply(T_world_camera, np.array([[0.0, 0.0, 2.0]])), [[3.0, 2.0, 1.5]], atol=1e-12)
    np.testing.assert_allclose(se3.apply(T_world_camera, np.array([[0.0, 1.0, 0.0]])), [[1.0, 2.0, 0.5]], atol=1e-12)
    assert np.linalg.det(T_world_camera[:3, :3]) == pytest.approx(1.0)


def test_a_body_keeps_its_footing_on_bent_ground(random: np.random.Generator) -> None:
    bend = random_bend(5.0, 3.0, (40.0, 80.0), random)
    T_world_body = bend.pose(se3.from_planar(7.0, -3.0, 0.4))
    np.testing.assert_allclose(T_world_body[:3, :3] @ T_world_body[:3, :3].T, np.eye(3), atol=1e-12)
    around = se3.apply(se3.from_planar(7.0, -3.0, 0.4), random.uniform(-0.3, 0.3, (50, 3)) * [1.0, 1.0, 0.0])
    heights = se3.apply(se3.inverse(T_world_body), bend.points(around))[:, 2]
    assert np.abs(heights).max() < 0.02


@pytest.mark.parametrize("seed", range(5))
def test_every_room_of_a_building_can_be_reached(seed: int) -> None:
    building = build_building(np.random.default_rng(seed))
    for number, room in enumerate(building.rooms):
        way = building.way(0, number)
        np.testing.assert_array_equal(way[0], building.rooms[0].centre)
        np.testing.assert_array_equal(way[-1], room.centre)
    area = sum(room.size.prod() for room in building.rooms)
    extent = np.max([room.high for room in building.rooms], axis=0)
    assert area == pytest.approx(extent.prod())


def test_a_wall_is_open_where_its_door_is(random: np.random.Generator) -> None:
    door = Opening(start=1.0, width=1.0, sill=0.0, top=2.0)
    mesh = wall(np.array([0.0, -2.0]), np.array([0.0, 2.0]), 3.0, 0.2, [door])
    lidar = RosetteLidar(noise_m=0.0, dropped=0.0, lowest_deg=-0.1, highest_deg=0.1)

    def seen(y: float, z: float) -> bool:
        T_world_lidar = se3.from_planar(-1.0, y, 0.0)
        T_world_lidar[2, 3] = z
        ahead = LidarSimulator(mesh, lidar).scan(T_world_lidar, random)
        return bool((np.abs(ahead[:, 1]) < 0.05).any())

    assert not seen(y=-0.5, z=1.0)
    assert seen(y=-0.5, z=2.5)
    assert seen(y=1.0, z=1.0)


def test_shapes_have_the_extent_that_was_asked_for(random: np.random.Generator) -> None:
    bottle = lathed(np.array([0.5, 0.5, 0.1]), np.array([0.0, 2.0, 3.0]), (1.0, 0.0, 0.0), sides=40)
    np.testing.assert_allclose(bottle.vertices.min(axis=0), [0.5, -0.5, 0.0], atol=1e-9)
    np.testing.assert_allclose(bottle.vertices.max(axis=0), [1.5, 0.5, 3.0], atol=1e-9)
    bush = leaves((1.0, 2.0, 3.0), (0.0, 0.0, 0.0), 500, 0.1, random)
    assert len(bush.triangles) == 500
    assert (np.abs(bush.vertices.reshape(-1, 3, 3).mean(axis=1)) < [1.2, 2.2, 3.2]).all()
    flat = sheet(np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0]))
    a, b, c = (flat.vertices[flat.triangles[:, k]] for k in range(3))
    assert 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() == pytest.approx(6.0)
    roof = frustum((4.0, 2.0, 1.0), (0.5, 0.0), (1.0, 0.0, 3.0))
    ridge = roof.vertices[roof.vertices[:, 2] > 3.5]
    np.testing.assert_allclose(np.ptp(ridge, axis=0), [2.0, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(np.ptp(roof.vertices, axis=0), [4.0, 2.0, 1.0])


def test_beams_are_denser_where_the_sensor_looks_far() -> None:
    elevation = np.unique(np.degrees(np.arcsin(HDL_64E.directions()[:, 2])).round(6))
    assert len(elevation) == 64
    assert (elevation > -8.6).sum() == 32
    assert elevation.min() == pytest.approx(-24.8)
    assert elevation.max() == pytest.approx(2.0)


def test_traffic_drives_on_in_its_own_direction_or_away(random: np.random.Generator) -> None:
    street = build_street(random)
    before = np.vstack([random_traffic(street.plan, random) for _ in range(20)])
    after = moved_on(before, random)
    assert 0.6 * len(before) < len(after) < 0.95 * len(before)
    for x, y, yaw, length in after:
        same = before[(before[:, 2] == yaw) & (before[:, 3] == length)]
        ahead = se3.apply(se3.inverse(se3.from_planar(*same[0, :3])), np.array([[x, y, 0.0]]))[0]
        assert -1e-9 <= ahead[0] <= 30.0
        assert ahead[1] == pytest.approx(0.0, abs=1e-9)


def test_vehicles_stand_on_the_bent_street(random: np.random.Generator) -> None:
    street = build_street(random)
    place = np.array([[10.0, 2.0, 0.0, 4.0]])
    added = street.with_traffic(place).vertices[len(street.still.vertices) :]
    T_world_vehicle = street.bend.pose(se3.from_planar(10.0, 2.0, 0.0))
    own = se3.apply(se3.inverse(T_world_vehicle), added)
    assert np.abs(own[:, :2]).max() < 3.0
    assert own[:, 2].min() == pytest.approx(0.0, abs=0.1)
    assert own[:, 2].max() == pytest.approx(1.5, abs=0.1)
