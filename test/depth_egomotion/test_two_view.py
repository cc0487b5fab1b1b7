"""The motion between two images: known motions of known points are found, and a camera that stands has none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.depth_egomotion.pinhole import projected
from isometry.depth_egomotion.two_view import TwoView, depths, two_view
from isometry.geometry import se3
from isometry.geometry.se3 import moved

MATRIX = np.array([[500.0, 0.0, 322.0], [0.0, 510.0, 238.0], [0.0, 0.0, 1.0]])
COUNT = 300
AHEAD, ASIDE, STANDING = np.array([0.05, 0.0, 0.5]), np.array([0.3, -0.1, 0.0]), np.zeros(3)
TURN = np.array([0.02, -0.05, 0.03])


class Seen(NamedTuple):
    """Corners (N,2) in two images, their depth (N,) in the first, and the motion (4,4) between them."""

    first: Array
    second: Array
    depth: Array
    T_first_second: Array


def seen(translation: Array, turn: Array = TURN, seed: int = 0, pixels: float = 0.15, wrong: int = 0) -> Seen:
    random = np.random.default_rng(seed)
    T = moved(np.concatenate([translation, turn]))
    points = random.uniform([-2.0, -1.5, 3.0], [2.0, 1.5, 9.0], (COUNT, 3))
    first, second = projected(points, MATRIX), projected(se3.apply(se3.inverse(T), points), MATRIX)
    second = second + random.normal(0.0, pixels, second.shape)
    second[:wrong] += random.uniform(-60.0, 60.0, (wrong, 2))
    return Seen(first, second, points[:, 2], T)


def found(pair: Seen) -> TwoView:
    motion = two_view(pair.first, pair.second, MATRIX)
    assert motion is not None
    return motion


def errors_deg(motion: TwoView, T_first_second: Array) -> tuple[float, float]:
    """Of the rotation, and of the direction of the translation."""
    turn = Rotation.from_matrix(motion.rotation.T @ T_first_second[:3, :3]).magnitude()
    along = T_first_second[:3, 3] / np.linalg.norm(T_first_second[:3, 3])
    return float(np.degrees(turn)), float(np.degrees(np.arccos(np.clip(motion.direction @ along, -1.0, 1.0))))


@pytest.mark.parametrize("translation", [AHEAD, -AHEAD, ASIDE], ids=["ahead", "back", "aside"])
@pytest.mark.parametrize("wrong", [0, 90])
def test_a_motion_is_found(translation: Array, wrong: int) -> None:
    pair = seen(translation, wrong=wrong)
    motion = found(pair)
    turn_deg, direction_deg = errors_deg(motion, pair.T_first_second)
    assert turn_deg < 0.1
    assert direction_deg < 2.0
    assert np.linalg.norm(motion.direction) == pytest.approx(1.0)
    assert motion.agree.sum() > 0.85 * (COUNT - wrong)
    assert motion.agree[:wrong].sum() < 0.2 * max(wrong, 1)
    assert motion.parallax > 1.0


@pytest.mark.parametrize("turn", [np.zeros(3), TURN], ids=["at rest", "turning"])
def test_a_camera_that_stands_has_no_direction(turn: Array) -> None:
    pair = seen(STANDING, turn)
    motion = found(pair)
    np.testing.assert_array_equal(motion.direction, 0.0)
    assert np.degrees(Rotation.from_matrix(motion.rotation.T @ pair.T_first_second[:3, :3]).magnitude()) < 0.05
    assert motion.parallax < 0.5


def test_the_same_image_is_exactly_no_motion() -> None:
    pair = seen(STANDING, np.zeros(3), pixels=0.0)
    motion = found(pair)
    np.testing.assert_allclose(motion.rotation, np.eye(3), atol=1e-9)
    np.testing.assert_array_equal(motion.direction, 0.0)


def test_images_turned_by_a_roll_of_the_camera_give_the_same_motion_turned() -> None:
    roll = Rotation.from_euler("z", 50.0, degrees=True).as_matrix()  # R_upright_turned
    square = np.array([[500.0, 0.0, 320.0], [0.0, 500.0, 320.0], [0.0, 0.0, 1.0]])
    turned = square @ roll.T @ np.linalg.inv(MATRIX)
    pair = seen(ASIDE)
    images = [np.column_stack([pixels, np.ones(COUNT)]) @ turned.T for pixels in (pair.first, pair.second)]
    upright, rolled = found(pair), two_view(images[0][:, :2], images[1][:, :2], square)
    assert rolled is not None
    np.testing.assert_allclose(roll @ rolled.direction, upright.direction, atol=0.01)
    np.testing.assert_allclose(roll @ rolled.rotation @ roll.T, upright.rotation, atol=1e-3)


def test_errors_are_what_the_covariance_says() -> None:
    """Over many motions the errors of the rotation are about one standard deviation, or less."""
    inside = []
    for seed in range(12):
        pair = seen(ASIDE, seed=seed)
        motion = found(pair)
        # on the axes of the first camera, as the pose of the second one is changed from the left
        error = Rotation.from_matrix(motion.rotation @ pair.T_first_second[:3, :3].T).magnitude()
        inside.append(error < 2.0 * np.sqrt(np.trace(motion.covariance[:3, :3])))
    assert np.mean(inside) > 0.9


def test_too_few_corners_and_corners_without_a_common_motion_have_none(random: np.random.Generator) -> None:
    pair = seen(ASIDE)
    assert two_view(pair.first[:20], pair.second[:20], MATRIX) is None
    scattered = random.uniform(0.0, 480.0, (2, COUNT, 2))
    assert two_view(scattered[0], scattered[1], MATRIX) is None
    none = np.zeros((0, 2))
    assert two_view(none, none, MATRIX) is None


@pytest.mark.parametrize("translation", [AHEAD, ASIDE], ids=["ahead", "aside"])
def test_depths_are_the_true_ones(translation: Array) -> None:
    pair = seen(translation, pixels=0.0)
    deep = depths(pair.first, pair.second, MATRIX, pair.T_first_second)
    aside = np.linalg.norm(pair.first - MATRIX[:2, 2], axis=1) > 20.0  # not where the motion is along the ray
    np.testing.assert_allclose(deep[aside], pair.depth[aside], rtol=1e-6)


def test_depths_scale_with_the_motion() -> None:
    pair = seen(ASIDE, pixels=0.0)
    twice = pair.T_first_second.copy()
    twice[:3, 3] *= 2.0
    np.testing.assert_allclose(depths(pair.first, pair.second, MATRIX, twice), 2.0 * pair.depth, rtol=1e-6)


def test_what_is_not_in_front_of_both_has_no_depth() -> None:
    pair = seen(ASIDE, pixels=0.0)
    back = pair.T_first_second.copy()
    back[:3, 3] *= -1.0
    assert np.isnan(depths(pair.first, pair.second, MATRIX, back)).all()
    assert np.isnan(depths(pair.first, pair.first, MATRIX, np.eye(4))).all()
