import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.registration.features.pyramid import NEIGHBOURS, SPACINGS, build_pyramid, example_pyramid
from isometry.registration.types import Cloud


@pytest.fixture
def cloud() -> Cloud:
    example = example_pyramid()
    points = example.metres(example.points)
    return Cloud(points, example.normals.astype(float), example.resolution, np.zeros(3))


def turned(cloud: Cloud, rotation: Array) -> Cloud:
    return Cloud(cloud.points @ rotation.T, cloud.normals @ rotation.T, cloud.resolution, np.zeros(3))


def test_neighbours_are_the_nearest_and_come_nearest_first(cloud: Cloud) -> None:
    pyramid = build_pyramid(cloud)
    levels = [pyramid.points, pyramid.fine, pyramid.middle, pyramid.coarse]
    for name, among, of in (
        ("around_fine", 0, 1),
        ("fine_to_fine", 1, 1),
        ("fine_to_middle", 1, 2),
        ("middle_to_middle", 2, 2),
        ("middle_to_coarse", 2, 3),
        ("coarse_to_coarse", 3, 3),
    ):
        rows = getattr(pyramid, name)
        expected, _ = cKDTree(levels[among]).query(levels[of], k=rows.shape[1])
        found = np.linalg.norm(levels[among][rows] - levels[of][:, None], axis=2)
        np.testing.assert_allclose(found, expected, atol=1e-3)
    assert pyramid.middle_above.max() < len(pyramid.middle)
    assert pyramid.coarse_above.shape == (len(pyramid.middle),)


def test_levels_are_spaced_in_resolutions(cloud: Cloud) -> None:
    pyramid = build_pyramid(cloud)
    for level, spacing in zip((pyramid.fine, pyramid.middle, pyramid.coarse), SPACINGS, strict=True):
        apart, _ = cKDTree(level).query(level, k=2)
        assert 0.4 * spacing < np.median(apart[:, 1]) < 1.5 * spacing


def test_its_samples_turn_with_the_cloud(cloud: Cloud) -> None:
    rotation = Rotation.from_rotvec([0.4, -1.1, 2.0]).as_matrix()
    before, after = build_pyramid(cloud), build_pyramid(turned(cloud, rotation))
    distance, _ = cKDTree(before.fine @ rotation.T).query(after.fine)
    assert (distance < 1e-3).mean() > 0.98  # a point on a border of two voxels may fall to either
    plain, _ = cKDTree(before.fine).query(after.fine)
    assert (plain < 1e-3).mean() < 0.1


@pytest.mark.parametrize("count", [3, 10, 40])
def test_few_points_have_fewer_neighbours(count: int) -> None:
    points = np.random.default_rng(0).uniform(0.0, 0.5, (count, 3))
    pyramid = build_pyramid(Cloud(points, np.tile([0.0, 0.0, 1.0], (count, 1)), 0.4, None))
    assert pyramid.around_fine.shape[1] == min(count, NEIGHBOURS)
    assert pyramid.around_fine.max() < count
    assert pyramid.sided == 0.0


def test_the_cloud_is_left_alone(cloud: Cloud) -> None:
    points, normals = cloud.points.copy(), cloud.normals.copy()
    build_pyramid(cloud)
    np.testing.assert_array_equal(cloud.points, points)
    np.testing.assert_array_equal(cloud.normals, normals)
