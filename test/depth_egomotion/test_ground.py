"""The ground under a camera of known height: it tells how far the camera has moved, or nothing where it repeats."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.depth_egomotion.ground import Ground
from isometry.geometry import se3
from isometry.geometry.se3 import moved

MATRIX = np.array([[500.0, 0.0, 320.0], [0.0, 500.0, 80.0], [0.0, 0.0, 1.0]])
SHAPE = (240, 640)
HEIGHT_M, PIXEL_M = 1.5, 0.02
Paint = Callable[[Array, Array], Array]


def gravel() -> Paint:
    """The brightness of ground with spots of several sizes, at metres to the right and ahead."""
    noise = np.random.default_rng(3).normal(size=(2048, 1024)).astype(np.float32)
    spots = np.sum([size * np.asarray(cv2.GaussianBlur(noise, (0, 0), size)) for size in (2.0, 5.0, 12.0)], axis=0)
    texture = (128.0 + 45.0 * spots / spots.std()).astype(np.float32)

    def shade(right: Array, ahead: Array) -> Array:
        u, v = (right / PIXEL_M + 512.0).astype(np.float32), (ahead / PIXEL_M + 100.0).astype(np.float32)
        return np.asarray(cv2.remap(texture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float64)

    return shade


def stripes(spacing_m: float) -> Paint:
    """The brightness of a ground whose stripes across the way repeat."""

    def shade(right: Array, ahead: Array) -> Array:
        return np.asarray(128.0 + 80.0 * np.sin(2.0 * np.pi * ahead / spacing_m) + 0.0 * right)

    return shade


def image(paint: Paint, T_ground_camera: Array, height_m: float = HEIGHT_M) -> NDArray[np.uint8]:
    """What the camera sees: x right, y down, z ahead; the ground is `height_m` below the origin of `T_ground_camera`.

    The mean of four rays a pixel; nothing is above the horizon.
    """
    shades = []
    for x in (-0.25, 0.25):
        for y in (-0.25, 0.25):
            v, u = np.mgrid[: SHAPE[0], : SHAPE[1]]
            rays = (
                np.stack([u + x, v + y, np.ones(SHAPE)], axis=2) @ np.linalg.inv(MATRIX).T @ T_ground_camera[:3, :3].T
            )
            down = np.maximum(rays[..., 1], 1e-3)
            points = T_ground_camera[:3, 3] + rays * ((height_m - T_ground_camera[1, 3]) / down)[..., None]
            shades.append(np.where(rays[..., 1] > 0.02, paint(points[..., 0], points[..., 2]), 200.0))
    return np.asarray(np.clip(np.mean(shades, axis=0), 0, 255), np.uint8)


def drive(step: Array, tilt_deg: float, images: int) -> list[Array]:
    """T_ground_camera (4,4) at equal motions (6,) on the ground, of a camera that looks down by an angle."""
    tilt = se3.from_rotation_translation(Rotation.from_euler("x", -tilt_deg, degrees=True).as_matrix(), np.zeros(3))
    T, poses = np.eye(4), []
    for _ in range(images):
        poses.append(T @ tilt)
        T = T @ moved(step)
    return poses


def lengths(
    paint: Paint,
    poses: list[Array],
    expected_m: float | None = None,
    height_m: float = HEIGHT_M,
    told_m: float | None = None,
) -> list[float | None]:
    """By a camera `height_m` over the ground, which is told that it is `told_m`."""
    ground, found = Ground(told_m or height_m), []
    images = [image(paint, T, height_m) for T in poses]
    for k in range(1, len(poses)):
        T = se3.inverse(poses[k - 1]) @ poses[k]
        direction = T[:3, 3] / np.linalg.norm(T[:3, 3])
        length = ground.length(images[k - 1], images[k], MATRIX, T[:3, :3], direction, expected_m)
        found.append(None if length is None else length.metres)
    return found


@pytest.mark.parametrize("metres", [0.4, 1.2])
@pytest.mark.parametrize("tilt_deg", [0.0, 2.0])
@pytest.mark.parametrize("turn", [0.0, 0.03])
def test_the_length_of_a_motion_is_found_within_two_percent(metres: float, tilt_deg: float, turn: float) -> None:
    step = np.array([0.0, 0.0, metres, 0.0, turn, 0.0])
    found = lengths(gravel(), drive(step, tilt_deg, 4), expected_m=metres * 1.08)
    assert None not in found
    assert np.median([abs(each / metres - 1.0) for each in found if each is not None]) < 0.02


def test_nothing_has_to_be_known_of_the_length() -> None:
    found = lengths(gravel(), drive(np.array([0.0, 0.0, 0.9, 0.0, 0.0, 0.0]), 1.0, 3))
    assert found[0] == pytest.approx(0.9, rel=0.03)


def test_the_height_is_the_measure() -> None:
    """Who says that the camera is twice as high has moved twice as far."""
    poses = drive(np.array([0.0, 0.0, 0.7, 0.0, 0.0, 0.0]), 0.0, 3)
    assert lengths(gravel(), poses, 1.4, told_m=2.0 * HEIGHT_M)[-1] == pytest.approx(1.4, rel=0.03)


def test_ground_that_repeats_itself_is_refused() -> None:
    """Stripes 70 cm apart look the same after 30 cm and after a metre."""
    assert lengths(stripes(0.7), drive(np.array([0.0, 0.0, 0.3, 0.0, 0.0, 0.0]), 0.0, 3)) == [None, None]


def test_ground_that_shows_nothing_and_ground_that_is_another_are_refused() -> None:
    even: Paint = lambda right, ahead: np.full(right.shape, 120.0)  # noqa: E731
    poses = drive(np.array([0.0, 0.0, 0.5, 0.0, 0.0, 0.0]), 0.0, 2)
    assert lengths(even, poses, 0.5) == [None]
    far = drive(np.array([0.0, 0.0, 15.0, 0.0, 0.0, 0.0]), 0.0, 2)
    assert lengths(gravel(), far, 0.5) == [None]
