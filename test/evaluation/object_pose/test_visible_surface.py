"""VSD in cases whose errors are known: a square plate straight ahead of the camera."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.evaluation.object_pose.visible_surface import TOLERANCES, average_recall, vsd
from isometry.geometry import se3
from isometry.object_pose.mesh import prepare
from isometry.object_pose.rendering import Renderer

SIDE, DISTANCE, FOCAL = 0.1, 1.0, 500.0  # 50 pixels a side
CAMERA = np.array([[FOCAL, 0.0, 79.5], [0.0, FOCAL, 59.5], [0.0, 0.0, 1.0]])
SHAPE = (120, 160)
CORNERS = SIDE / 2.0 * np.array([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [-1.0, 1.0, 0.0]])
DIAMETER = SIDE * np.sqrt(2.0)


@pytest.fixture(scope="module")
def plate() -> Renderer:
    return Renderer(prepare(CORNERS, np.array([[0, 1, 2], [0, 2, 3]]), None))


def at(x: float = 0.0, z: float = DISTANCE) -> Array:
    return se3.from_rotation_translation(np.eye(3), np.array([x, 0.0, z]))


def errors(plate: Renderer, T_estimated: Array, depth: Array) -> Array:
    return vsd(T_estimated, at(), plate, depth, CAMERA, DIAMETER)


def test_the_true_pose_and_its_twin_have_no_error(plate: Renderer) -> None:
    wall = np.full(SHAPE, 2.0)
    quarter = at() @ se3.from_rotation_translation(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), np.zeros(3))
    for T in (at(), quarter):
        np.testing.assert_array_equal(errors(plate, T, wall), 0.0)


def test_half_a_side_beside_it_two_thirds_of_the_pixels_are_of_one_pose_alone(plate: Renderer) -> None:
    np.testing.assert_allclose(errors(plate, at(x=SIDE / 2.0), np.full(SHAPE, 2.0)), 2.0 / 3.0, atol=0.02)


def test_a_pose_behind_it_is_wrong_up_to_the_tolerance(plate: Renderer) -> None:
    nearer = errors(plate, at(z=DISTANCE - 0.22 * DIAMETER), np.full(SHAPE, 2.0))
    assert np.all(nearer[TOLERANCES < 0.2] == 1.0)
    assert np.all(nearer[TOLERANCES > 0.25] < 0.1)  # but for the border, as it looks larger there


def test_what_is_hidden_does_not_count(plate: Renderer) -> None:
    depth = np.full(SHAPE, 2.0)
    depth[:, 80:] = 0.5  # something hides the right half
    shifted = errors(plate, at(x=SIDE / 2.0), depth)
    # of the left half (25 columns) the estimated pose has none
    np.testing.assert_array_equal(shifted, 1.0)
    np.testing.assert_array_equal(errors(plate, at(), depth), 0.0)


def test_a_pose_outside_of_the_image_or_behind_the_camera_is_wrong(plate: Renderer) -> None:
    for T in (at(x=5.0), at(z=-DISTANCE)):
        np.testing.assert_array_equal(errors(plate, T, np.full(SHAPE, 2.0)), 1.0)


def test_recall_is_averaged_over_tolerances_and_thresholds() -> None:
    assert average_recall(np.zeros((2, 10))) == 1.0
    assert average_recall(np.stack([np.zeros(10), np.ones(10)])) == 0.5
    assert average_recall(np.full((1, 10), 0.27)) == pytest.approx(0.5)  # right for 0.3 to 0.5
