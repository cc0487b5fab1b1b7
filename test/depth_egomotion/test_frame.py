"""Frames made ideal: lenses straightened, depth put where the colour camera sees it, sizes checked."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from isometry.arrays import Array
from isometry.depth_egomotion.frame import rectified
from isometry.depth_egomotion.types import CameraFrame
from isometry.geometry import se3
from isometry.sensing.cameras import Camera
from isometry.simulation.painted_room import CAMERA, PaintedRoom, walk_pose

LENS = (0.26, -0.2, 0.001, -0.002, 0.0)
DEPTH_CAMERA = Camera(np.array([[140.0, 0.0, 79.0], [0.0, 140.0, 61.0], [0.0, 0.0, 1.0]]), 160, 120)
T_COLOUR_DEPTH = se3.from_rotation_translation(
    np.asarray(cv2.Rodrigues(np.array([0.02, -0.03, 0.01]))[0], np.float64), np.array([0.05, -0.02, 0.01])
)


def frame_of(colour: Array | None = None, depth: Array | None = None) -> CameraFrame:
    shape = (*CAMERA.shape, 3)
    return CameraFrame(np.zeros(shape, np.uint8) if colour is None else colour.astype(np.uint8), CAMERA, depth)


def bent(colour: Array, camera: Camera) -> Array:
    """The image (H,W,3) of an ideal lens as OpenCV's model of a lens bends it."""
    v, u = np.mgrid[: camera.height, : camera.width].astype(np.float32)
    seen = np.stack([u.ravel(), v.ravel()], axis=1)[:, None]
    ideal = cv2.undistortPoints(seen, camera.matrix, np.array(camera.distortion), P=camera.matrix)
    columns, rows = np.moveaxis(np.asarray(ideal, np.float32).reshape(*camera.shape, 2), 2, 0)
    return np.asarray(cv2.remap(colour, columns, rows, cv2.INTER_LINEAR))


def test_an_ideal_frame_is_left_as_it_is() -> None:
    colour, depth = PaintedRoom().view(CAMERA, walk_pose(0))
    ideal = rectified(CameraFrame(colour, CAMERA, depth))
    np.testing.assert_array_equal(ideal.colour, colour)
    assert ideal.depth is not None
    np.testing.assert_array_equal(ideal.depth, depth.astype(np.float32))
    np.testing.assert_array_equal(ideal.grey, colour[..., 0])
    assert ideal.shape == CAMERA.shape
    assert rectified(CameraFrame(colour, CAMERA)).depth is None


def test_a_lens_is_straightened() -> None:
    colour, depth = PaintedRoom().view(CAMERA, walk_pose(0))
    lens = replace(CAMERA, model="plumb_bob", distortion=LENS)
    smooth = np.asarray(cv2.GaussianBlur(colour, (0, 0), 2.0), np.float64)
    straight = rectified(CameraFrame(np.asarray(bent(smooth, lens), np.uint8), lens, bent(depth, lens)))
    inner = (slice(40, -40), slice(40, -40))
    assert straight.depth is not None
    assert np.abs(straight.colour.astype(float) - smooth)[inner].mean() < 2.0
    assert np.median(np.abs(straight.depth - depth)[inner]) < 0.005


def test_depth_of_another_camera_is_what_the_colour_camera_would_have_measured() -> None:
    colour, expected = PaintedRoom().view(CAMERA, walk_pose(0))
    _, depth = PaintedRoom().view(DEPTH_CAMERA, walk_pose(0) @ T_COLOUR_DEPTH)
    ideal = rectified(CameraFrame(colour, CAMERA, depth, DEPTH_CAMERA, T_COLOUR_DEPTH))
    assert ideal.depth is not None
    assert ideal.depth.shape == CAMERA.shape
    known = ideal.depth > 0.0
    assert known[60:-60, 60:-60].mean() > 0.9
    assert np.median(np.abs(ideal.depth - expected)[known]) < 0.01


def test_an_image_of_another_size_than_its_camera_is_named() -> None:
    with pytest.raises(ValueError, match="the colour image is 100x80, and its camera is of 320x240"):
        rectified(frame_of(np.zeros((80, 100, 3))))
    with pytest.raises(
        ValueError, match=r"the depth image, which should be registered to the colour, is 160x120, and .* 320x240"
    ):
        rectified(frame_of(depth=np.ones((120, 160))))
    with pytest.raises(ValueError, match="the depth image is 320x240, and its camera is of 160x120"):
        rectified(replace(frame_of(depth=np.ones((240, 320))), depth_camera=DEPTH_CAMERA))


def test_inputs_are_not_changed() -> None:
    colour, depth = PaintedRoom().view(CAMERA, walk_pose(0))
    lens = replace(CAMERA, model="plumb_bob", distortion=LENS)
    before = colour.copy(), depth.copy()
    rectified(CameraFrame(colour, lens, depth, lens, T_COLOUR_DEPTH))
    np.testing.assert_array_equal(colour, before[0])
    np.testing.assert_array_equal(depth, before[1])
