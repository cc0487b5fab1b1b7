"""Alignment: what is seen puts the camera where it is, and says in which directions it does not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.depth_egomotion.alignment import NO_CORNERS, Corners, Prior, align, motion_of
from isometry.depth_egomotion.pinhole import projected
from isometry.depth_egomotion.surfaces import Surfaces, surfaces_of
from isometry.depth_egomotion.types import CameraFrame
from isometry.geometry import se3
from isometry.geometry.se3 import moved
from isometry.simulation.painted_room import CAMERA, HALF_SIZE_M, PaintedRoom

View = Callable[..., CameraFrame]
MATRIX = CAMERA.matrix
MOTION = np.array([0.03, -0.02, 0.04, 0.02, -0.03, 0.04])
WEAK = np.diag([1e-2] * 6)
NOT_LATE = np.full(6, 1e-5)
INVERSE_NOISE = 0.002  # 1/m
NOTHING = surfaces_of(np.zeros(CAMERA.shape), MATRIX, 8.0)
# into an upper corner of the room, where three walls meet
T_ROOM_CORNER = se3.from_rotation_translation(
    Rotation.from_euler("yx", [40.0, -25.0], degrees=True).as_matrix(), np.array([0.3, 0.2, 0.5])
)


def prior(T: Array | None = None, information: Array = WEAK, late_sigma: Array = NOT_LATE) -> Prior:
    return Prior(np.eye(4) if T is None else T, information, np.zeros(6), late_sigma)


def surfaces(view: View, T_room_camera: Array, seed: int = 0) -> Surfaces:
    depth = view(T_room_camera, seed).depth
    assert depth is not None
    return surfaces_of(depth, MATRIX, 8.0)


def corners(random: np.random.Generator, T: Array, pixels: float, wrong: int = 0) -> Corners:
    """Of a camera at `T` (4,4), with errors of so many pixels; the first ones are wrong."""
    points = random.uniform([-0.8, -0.6, 1.0], [0.8, 0.6, 3.0], (120, 3))
    seen = projected(se3.apply(se3.inverse(T), points), MATRIX) + random.normal(0.0, pixels, (120, 2))
    seen[:wrong] += random.uniform(15.0, 60.0, (wrong, 2))
    return Corners(points, seen)


def facing_the_wall(distance_m: float, turn_deg: float = 0.0, tilt_deg: float = 0.0) -> Array:
    """T_room_camera of a camera that sees nothing but the wall ahead."""
    turn = Rotation.from_euler("yx", [turn_deg, tilt_deg], degrees=True).as_matrix()
    return se3.from_rotation_translation(turn, np.array([0.0, 0.0, HALF_SIZE_M[2] - distance_m]))


def test_a_motion_and_its_transform_are_inverses(random: np.random.Generator) -> None:
    np.testing.assert_allclose(motion_of(np.eye(4)), 0.0)
    for motion in random.normal(0.0, 1e-4, (5, 6)):
        np.testing.assert_allclose(motion_of(moved(motion)), motion, atol=1e-7)


def test_corners_alone_hold_the_pose_and_wrong_ones_do_no_harm(random: np.random.Generator) -> None:
    T = moved(MOTION)
    found = align(NOTHING, NOTHING, corners(random, T, 0.2, wrong=24), MATRIX, np.eye(4), prior())
    metres, radians = se3.distance(T, found.T_reference_camera)
    assert metres < 0.001
    assert radians < 0.0005
    assert found.corners.of == 120
    assert found.corners.agree <= 96
    assert found.surfaces.of == 0


def test_surfaces_alone_hold_the_pose_where_three_walls_meet(view: View) -> None:
    T = moved(MOTION)
    here, there = surfaces(view, T_ROOM_CORNER @ T, 1), surfaces(view, T_ROOM_CORNER)
    found = align(here, there, NO_CORNERS, MATRIX, np.eye(4), prior())
    metres, radians = se3.distance(T, found.T_reference_camera)
    assert metres < 0.001
    assert radians < 0.0005
    assert found.surface_share > 0.9


@pytest.mark.parametrize("noise", [0.0, INVERSE_NOISE])
@pytest.mark.parametrize(("turn_deg", "tilt_deg"), [(0.0, 0.0), (12.0, 0.0), (-8.0, 10.0)])
def test_a_bare_wall_leaves_just_what_moves_along_it_to_the_prior(
    turn_deg: float, tilt_deg: float, noise: float, random: np.random.Generator
) -> None:
    T_room_camera = facing_the_wall(0.9, turn_deg, tilt_deg)
    depth = PaintedRoom().view(CAMERA, T_room_camera)[1]
    here, there = (
        surfaces_of(1.0 / (1.0 / depth + random.normal(0.0, noise, depth.shape)), MATRIX, 8.0) for _ in range(2)
    )
    found = align(here, there, NO_CORNERS, MATRIX, np.eye(4), prior(information=np.eye(6)))
    normal = T_room_camera[2, :3]  # of the wall, in the camera
    across = np.linalg.svd(normal[None])[2][1:]
    free = np.zeros((3, 6))
    free[:2, :3], free[2, 3:] = across, normal  # to slide along it, and to turn about its normal
    covariance = np.linalg.inv(found.information)
    np.testing.assert_allclose(np.einsum("ni,ij,nj->n", free, covariance, free), 1.0, rtol=0.05)
    held = np.linalg.svd(free)[2][3:]
    assert np.einsum("ni,ij,nj->n", held, covariance, held).max() < 0.01**2
    variances = np.linalg.eigvalsh(covariance)
    assert (variances > 0.9).sum() == 3


def test_a_wall_and_corners_on_it_hold_all(view: View, random: np.random.Generator) -> None:
    seen = surfaces(view, facing_the_wall(0.9))
    points = seen.points[seen.known][::10]
    T = moved(0.3 * MOTION)
    pixels = projected(se3.apply(se3.inverse(T), points), MATRIX) + random.normal(0.0, 0.2, (len(points), 2))
    here = surfaces(view, facing_the_wall(0.9) @ T, 1)
    found = align(here, seen, Corners(points, pixels), MATRIX, np.eye(4), prior(information=np.eye(6)))
    metres, radians = se3.distance(T, found.T_reference_camera)
    assert metres < 0.002
    assert radians < 0.002
    assert np.linalg.eigvalsh(np.linalg.inv(found.information)).max() < 0.01**2


def test_a_depth_image_that_is_late_is_told_from_the_motion(view: View, random: np.random.Generator) -> None:
    """The camera moves on by 3 mm until its depth is measured; the pose is that of the colour image."""
    T, late = moved(MOTION), np.array([0.003, 0.002, -0.003, 0.001, 0.0, 0.001])
    here, there = surfaces(view, T_ROOM_CORNER @ T @ moved(late), 1), surfaces(view, T_ROOM_CORNER)
    seen = corners(random, T, 0.1)
    found = align(here, there, seen, MATRIX, np.eye(4), prior(late_sigma=np.full(6, 0.005)))
    metres, _ = se3.distance(T, found.T_reference_camera)
    assert metres < 0.001
    np.testing.assert_allclose(found.late, late, atol=0.001)
    np.testing.assert_allclose(found.T_colour_depth, moved(found.late))


def test_where_nothing_is_seen_the_prior_is_the_answer() -> None:
    T = moved(MOTION)
    found = align(NOTHING, NOTHING, NO_CORNERS, MATRIX, np.eye(4), prior(T, np.diag(np.arange(1.0, 7.0))))
    np.testing.assert_allclose(found.T_reference_camera, T, atol=1e-6)
    np.testing.assert_allclose(found.information, np.diag(np.arange(1.0, 7.0)))
    np.testing.assert_array_equal(found.measured, 0.0)


def test_a_frame_turned_by_a_roll_of_the_camera_has_the_same_motion_turned(view: View) -> None:
    roll = se3.from_rotation_translation(Rotation.from_euler("z", 37.0, degrees=True).as_matrix(), np.zeros(3))
    T = moved(MOTION)
    upright = align(
        surfaces(view, T_ROOM_CORNER @ T, 1), surfaces(view, T_ROOM_CORNER), NO_CORNERS, MATRIX, np.eye(4), prior()
    )
    turned = align(
        surfaces(view, T_ROOM_CORNER @ T @ roll, 1),
        surfaces(view, T_ROOM_CORNER @ roll),
        NO_CORNERS,
        MATRIX,
        np.eye(4),
        prior(),
    )
    metres, radians = se3.distance(upright.T_reference_camera, roll @ turned.T_reference_camera @ se3.inverse(roll))
    assert metres < 0.001
    assert radians < 0.0005
