"""Errors of poses in cases whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.datasets.bop.models import ContinuousSymmetry, ModelInfo
from isometry.evaluation.object_pose import metrics
from isometry.geometry import se3
from isometry.object_pose.symmetry_group import SymmetryGroup
from isometry.object_pose.types import PoseMode

Z = np.array([0.0, 0.0, 1.0])
NONE = ModelInfo(0.2, np.zeros((0, 4, 4)), ())
IDENTITY = np.eye(4)[None]


def about(axis: Array, degrees: float, point: Array | None = None) -> Array:
    """A turn (4,4) about an axis through a point."""
    rotation = Rotation.from_rotvec(np.radians(degrees) * axis).as_matrix()
    centre = np.zeros(3) if point is None else point
    return se3.from_rotation_translation(rotation, centre - rotation @ centre)


@pytest.fixture
def T_true() -> Array:
    return se3.from_rotation_translation(Rotation.random(random_state=3).as_matrix(), np.array([0.1, -0.2, 0.8]))


def test_without_symmetries_the_error_is_that_of_the_transform(T_true: Array) -> None:
    symmetries = metrics.symmetry_transforms(NONE)
    np.testing.assert_array_equal(symmetries, IDENTITY)
    moved = T_true @ about(Z, 8.0)
    moved[:3, 3] += [0.003, 0.0, 0.004]
    radians, metres = metrics.pose_error(moved, T_true, symmetries)
    assert np.degrees(radians) == pytest.approx(8.0)
    assert metres == pytest.approx(0.005)


def test_a_stated_half_turn_is_no_error_wherever_its_axis_is(T_true: Array) -> None:
    point = np.array([0.05, 0.0, 0.0])
    half = about(Z, 180.0, point)
    symmetries = metrics.symmetry_transforms(ModelInfo(0.2, half[None], ()))
    radians, metres = metrics.pose_error(T_true @ half @ about(Z, 3.0, point), T_true, symmetries)
    assert np.degrees(radians) == pytest.approx(3.0)
    assert metres == pytest.approx(2.0 * 0.05 * np.sin(np.radians(1.5)))
    plain, far = metrics.pose_error(T_true @ half, T_true, IDENTITY)
    assert np.degrees(plain) == pytest.approx(180.0)
    assert far == pytest.approx(0.1)


def test_turns_about_a_stated_axis_are_no_error(T_true: Array) -> None:
    symmetries = metrics.symmetry_transforms(ModelInfo(0.2, np.zeros((0, 4, 4)), (ContinuousSymmetry(Z, np.zeros(3)),)))
    tilted = T_true @ about(Z, 123.0) @ about(np.array([1.0, 0.0, 0.0]), 4.0)
    radians, metres = metrics.pose_error(tilted, T_true, symmetries)
    assert np.degrees(radians) == pytest.approx(4.0, abs=0.03)
    assert metres < 1e-9


def test_the_symmetry_of_the_shape_is_no_error_of_the_shape(T_true: Array) -> None:
    shape = SymmetryGroup(np.array([0.0, 0.1, 0.0]), np.eye(3)[None], Z)
    turned = T_true @ about(Z, 77.0, shape.centre)
    radians, metres = metrics.shape_error(turned, T_true, shape)
    assert radians == pytest.approx(0.0, abs=1e-6)
    assert metres == pytest.approx(0.0, abs=1e-9)


def test_the_nearest_mode_counts(T_true: Array) -> None:
    modes = (PoseMode(T_true @ about(Z, 180.0), 0.6), PoseMode(T_true @ about(Z, 6.0), 0.4))
    assert np.degrees(metrics.mode_error(modes, T_true, IDENTITY)) == pytest.approx(6.0)
    tilt = about(np.array([0.0, 1.0, 0.0]), 5.0)
    free = (PoseMode(T_true @ tilt @ about(Z, 99.0), 1.0, Z),)
    assert np.degrees(metrics.mode_error(free, T_true, IDENTITY)) == pytest.approx(5.0)
    assert metrics.mode_error((), T_true, IDENTITY) == np.inf


def test_add_s_ignores_which_point_is_which(T_true: Array) -> None:
    square = 0.05 * np.array([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [-1.0, -1.0, 0.0]])
    assert metrics.add_s(T_true @ about(Z, 90.0), T_true, square) == pytest.approx(0.0, abs=1e-12)
    moved = T_true.copy()
    moved[:3, 3] += 0.01 * T_true[:3, 2]
    assert metrics.add_s(moved, T_true, square) == pytest.approx(0.01)


def test_mssd_is_the_largest_distance_of_a_point(T_true: Array) -> None:
    points = np.array([[0.1, 0.0, 0.0], [0.02, 0.0, 0.0], [0.0, 0.0, 0.1]])
    turned = T_true @ about(Z, 20.0)
    assert metrics.mssd(turned, T_true, IDENTITY, points) == pytest.approx(2.0 * 0.1 * np.sin(np.radians(10.0)))
    symmetries = np.stack([np.eye(4), about(Z, 20.0)])
    assert metrics.mssd(turned, T_true, symmetries, points) == pytest.approx(0.0, abs=1e-12)


def test_mspd_is_the_largest_distance_in_the_image() -> None:
    camera = np.array([[500.0, 0.0, 320.0], [0.0, 500.0, 240.0], [0.0, 0.0, 1.0]])
    T_true, moved = np.eye(4), np.eye(4)
    T_true[2, 3], moved[:3, 3] = 1.0, [0.01, 0.0, 1.0]
    points = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -0.5]])
    assert metrics.mspd(moved, T_true, IDENTITY, points, camera) == pytest.approx(500.0 * 0.01 / 0.5)
