"""The course of a body through several starts of a method."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.depth_egomotion.types import EgoMotionStep
from isometry.geometry import covariance, se3
from isometry.geometry.optical import looking_along_x
from isometry.nodes.depth_egomotion.course import Course

TENTH = 100_000_000
STEP = covariance.independent(0.01, 0.002)


def random_pose(seed: int, metres: float = 1.0) -> Array:
    random = np.random.default_rng(seed)
    return se3.from_rotation_translation(Rotation.random(random_state=seed).as_matrix(), metres * random.normal(size=3))


def step(
    T_odom_camera: Array, of: Array = STEP, T_map_odom: Array | None = None, keyframe: bool = True
) -> EgoMotionStep:
    """A step of a method; the motion since the last image is not read."""
    T_map = np.eye(4) if T_map_odom is None else T_map_odom
    return EgoMotionStep(T_odom_camera, of, np.eye(4), STEP, T_map, "ok", "", keyframe, "", 0.0, 0.01)


def test_the_body_goes_as_its_camera_and_begins_at_the_origin() -> None:
    T_body_camera = random_pose(1)
    course = Course(T_body_camera)
    first = course.add(step(np.eye(4), np.zeros((6, 6))), T_body_camera, 0)
    np.testing.assert_allclose(first.T_odom_body, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(first.covariance, 0.0)
    T_camera_moved = random_pose(2, 0.1)
    moved = course.add(step(T_camera_moved), T_body_camera, TENTH)
    np.testing.assert_allclose(moved.T_odom_body @ T_body_camera, T_body_camera @ T_camera_moved, atol=1e-12)
    np.testing.assert_allclose(moved.T_map_odom, np.eye(4), atol=1e-12)


def test_the_twist_carries_the_body_from_one_image_to_the_next() -> None:
    T_body_camera, T_camera_moved = looking_along_x(), random_pose(3, 0.05)
    T_camera_moved[:3, :3] = Rotation.from_rotvec([0.02, -0.03, 0.01]).as_matrix()
    course = Course(T_body_camera)
    course.add(step(np.eye(4)), T_body_camera, 0)
    moved = course.add(step(T_camera_moved), T_body_camera, TENTH)
    np.testing.assert_allclose(0.1 * moved.T_odom_body[:3, :3] @ moved.twist[:3], moved.T_odom_body[:3, 3], atol=1e-12)
    turned = Rotation.from_rotvec(0.1 * moved.twist[3:]).as_matrix()
    np.testing.assert_allclose(turned, moved.T_odom_body[:3, :3], atol=1e-12)
    np.testing.assert_allclose(np.diag(moved.twist_covariance), np.diag(STEP) / 0.01, rtol=1e-9)


def test_an_error_of_the_rotation_moves_a_body_that_is_far_from_its_camera() -> None:
    """Against the spread of random errors of the camera's pose."""
    T_body_camera, T_odom_camera = random_pose(4, 0.5), random_pose(5)
    of_camera = covariance.independent(0.002, 0.005)
    course = Course(T_body_camera)
    found = course.add(step(T_odom_camera, of_camera), T_body_camera, 0)
    true_camera = T_body_camera @ T_odom_camera
    random, errors = np.random.default_rng(0), []
    for _ in range(4000):
        off = random.normal(size=6) * np.sqrt(np.diag(of_camera))
        wrong = true_camera.copy()
        wrong[:3, :3] = Rotation.from_rotvec(off[3:]).as_matrix() @ wrong[:3, :3]
        wrong[:3, 3] += off[:3]
        errors.append(se3.error(wrong @ se3.inverse(T_body_camera), found.T_odom_body))
    np.testing.assert_allclose(np.cov(np.array(errors).T), found.covariance, atol=2e-6)


@pytest.mark.parametrize("correction", [np.eye(4), random_pose(6, 0.1)])
def test_a_later_start_goes_on_from_the_last_pose_and_is_less_certain(correction: Array) -> None:
    T_body_camera, T_camera_moved = random_pose(7), random_pose(8, 0.1)
    course = Course(T_body_camera)
    course.add(step(np.eye(4), np.zeros((6, 6))), T_body_camera, 0)
    before = course.add(step(T_camera_moved, STEP, correction), T_body_camera, TENTH)
    optimised = [np.eye(4), correction @ T_camera_moved]
    course.start_again(optimised)
    course.start_again([])  # once more, before any image: nothing is lost
    after = course.add(step(np.eye(4), np.zeros((6, 6))), T_body_camera, 3 * TENTH)
    np.testing.assert_allclose(after.T_odom_body, before.T_odom_body, atol=1e-12)
    np.testing.assert_allclose(after.T_map_odom, before.T_map_odom, atol=1e-12)
    np.testing.assert_allclose(after.twist, 0.0)
    added = after.covariance - before.covariance
    assert np.linalg.eigvalsh(added).min() > 0.0
    later = course.add(step(T_camera_moved), T_body_camera, 4 * TENTH)
    expected = before.T_odom_body @ T_body_camera @ T_camera_moved @ se3.inverse(T_body_camera)
    np.testing.assert_allclose(later.T_odom_body, expected, atol=1e-12)

    stamps_ns, T_map_body = course.keyframes([np.eye(4), T_camera_moved])
    assert stamps_ns.tolist() == [0, TENTH, 3 * TENTH, 4 * TENTH]
    np.testing.assert_allclose(T_map_body[0], np.eye(4), atol=1e-12)
    for found, motion in ((T_map_body[1], before), (T_map_body[3], later)):
        np.testing.assert_allclose(found, motion.T_map_odom @ motion.T_odom_body, atol=1e-12)


def test_in_a_map_of_before_the_camera_is_where_the_map_says_after_a_later_start_too() -> None:
    course, T_map_camera = Course(looking_along_x()), random_pose(9)
    course.add(step(np.eye(4), T_map_odom=T_map_camera), looking_along_x(), 0)
    course.start_again([T_map_camera], same_map=True)
    found = course.add(step(np.eye(4), T_map_odom=T_map_camera), looking_along_x(), TENTH)
    np.testing.assert_allclose(
        found.T_map_odom @ found.T_odom_body @ looking_along_x(), looking_along_x() @ T_map_camera, atol=1e-12
    )


def test_a_course_without_keyframes_has_an_empty_path() -> None:
    stamps_ns, T_map_body = Course(np.eye(4)).keyframes([])
    assert (stamps_ns.shape, T_map_body.shape) == ((0,), (0, 4, 4))
