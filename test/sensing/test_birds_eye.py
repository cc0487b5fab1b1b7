import numpy as np
import pytest
from numpy.typing import NDArray

from isometry.sensing.birds_eye import BirdsEyeGrid, birds_eye_image
from isometry.sensing.ground import without_ground
from isometry.sensing.thinning import thinned

GRID = BirdsEyeGrid()


@pytest.fixture
def cloud() -> NDArray[np.float64]:
    random = np.random.default_rng(0)
    return np.asarray(random.uniform([-30.0, -30.0, -2.0], [30.0, 30.0, 6.0], (5000, 3)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_quarter_turn_of_the_cloud_is_a_quarter_turn_of_the_image(
    cloud: NDArray[np.float64], dtype: type[np.floating]
) -> None:
    cells = (np.floor(cloud / GRID.cell) + 0.5) * GRID.cell  # no point on a border between two cells
    turned = cells @ np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    image = birds_eye_image(cells.astype(dtype), GRID)
    np.testing.assert_array_equal(birds_eye_image(turned.astype(dtype), GRID), np.rot90(image))


def test_a_column_counts_its_voxels_up_to_the_cap() -> None:
    heights = np.repeat(np.arange(25) * 0.4 - 3.9, 3)  # three points a voxel
    for points, expected in ((heights[:12], 4), (heights, GRID.cap)):
        column = np.column_stack([np.full(len(points), 1.0), np.full(len(points), -2.1), points])
        image = birds_eye_image(column, GRID)
        assert image.sum() == expected
        assert image[GRID.size // 2 + 2, GRID.size // 2 - 6] == expected


def test_what_is_far_or_not_finite_does_not_count(cloud: NDArray[np.float64]) -> None:
    image = birds_eye_image(cloud, GRID)
    rubbish = np.array([[np.nan, 0, 0], [np.inf, 0, 0], [0, -np.inf, 0], [1e9, 0, 0], [24.0, 24.0, 0.0]])
    np.testing.assert_array_equal(birds_eye_image(np.vstack([cloud, rubbish]), GRID), image)


def test_an_empty_cloud_is_an_empty_image() -> None:
    assert not birds_eye_image(np.zeros((0, 3)), GRID).any()


def test_sloping_ground_goes_and_walls_stay() -> None:
    random = np.random.default_rng(0)
    ground = random.uniform(-20.0, 20.0, (4000, 2))
    height = 0.02 * ground[:, 0] - 0.01 * ground[:, 1] - 1.7
    ground = np.column_stack([ground, height + random.normal(0.0, 0.02, len(ground))])
    wall = np.column_stack([np.full(500, 10.0), random.uniform(-5, 5, 500), random.uniform(-1.0, 2.0, 500)])
    left = without_ground(np.vstack([ground, wall]), height=-1.7)
    assert len(left) == pytest.approx(500, abs=5)
    assert (left[:, 0] == 10.0).mean() > 0.98


def test_a_cloud_without_ground_is_left_alone(cloud: NDArray[np.float64]) -> None:
    above = cloud[cloud[:, 2] > -1.6]
    np.testing.assert_array_equal(without_ground(above, height=-1.73), above)


def test_thinning_leaves_out_what_is_absurdly_high_and_writes_nothing_about_it(
    cloud: NDArray[np.float64], capfd: pytest.CaptureFixture[str]
) -> None:
    absurd = np.array([[1.0, 1.0, 1e30], [1.0, 1.0, -1e7], [2.0, 0.0, 1e9]])
    some = thinned(np.concatenate([cloud, absurd]), voxel=1.0, count=10**6, radius=20.0)
    np.testing.assert_array_equal(np.sort(some, axis=0), np.sort(thinned(cloud, 1.0, 10**6, 20.0), axis=0))
    assert capfd.readouterr() == ("", "")


def test_thinning_keeps_one_point_a_voxel_near_the_robot_and_at_most_so_many(cloud: NDArray[np.float64]) -> None:
    before = cloud.copy()
    some = thinned(cloud, voxel=1.0, count=300, radius=20.0)
    assert len(some) == 300
    assert np.hypot(some[:, 0], some[:, 1]).max() <= 20.0
    dense = np.repeat(cloud[:50] / 10.0, 20, axis=0)
    assert len(thinned(dense, voxel=0.05, count=10**6, radius=20.0)) <= 50
    np.testing.assert_array_equal(cloud, before)
