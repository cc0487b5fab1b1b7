"""A camera found in a map by one image, or refused with the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.depth_egomotion.keyframe_map import KeyframeMap
from isometry.depth_egomotion.parameters import EgoMotionParameters
from isometry.depth_egomotion.pipeline import RgbdEgoMotion
from isometry.depth_egomotion.relocalisation import locate
from isometry.depth_egomotion.types import CameraFrame, EgoMotionStep
from isometry.geometry import se3
from isometry.geometry.se3 import moved
from isometry.sensing.cameras import Camera
from isometry.simulation.painted_room import CAMERA, PaintedRoom, walk_pose

View = Callable[..., CameraFrame]
NEAR = (np.array([0.03, 0.02, -0.04, 0.02, 0.03, 0.1]), np.array([-0.05, 0.0, 0.05, -0.05, 0.04, 0.7]))


@pytest.fixture(scope="module")
def walked(walk: Sequence[CameraFrame], follow: Callable[..., list[EgoMotionStep]]) -> KeyframeMap:
    method = RgbdEgoMotion(EgoMotionParameters())
    follow(method, walk)
    return method.map


@pytest.mark.parametrize("aside", NEAR, ids=["aside", "rolled by 40 degrees"])
@pytest.mark.parametrize("number", [0, 15, 30])
def test_an_image_near_the_walk_is_found(walked: KeyframeMap, view: View, number: int, aside: Array) -> None:
    T_room_camera = walk_pose(number) @ moved(aside)
    found = locate(walked, view(T_room_camera, seed=70))
    assert found.accepted
    assert not found.reason
    error = se3.error(found.T_map_camera, se3.inverse(walk_pose(0)) @ T_room_camera)
    assert np.linalg.norm(error[:3]) < 0.01
    assert np.linalg.norm(error[3:]) < 0.01
    assert (np.abs(error) < 4.0 * np.sqrt(np.diag(found.covariance))).all()
    assert found.support > 25


def test_an_image_of_another_room_is_refused(walked: KeyframeMap, view: View) -> None:
    found = locate(walked, view(walk_pose(10), room=1))
    assert not found.accepted
    assert found.reason == "no keyframe shows the same place for sure"
    np.testing.assert_array_equal(found.T_map_camera, np.eye(4))
    assert np.isinf(np.diag(found.covariance)).all()


def test_an_image_that_shows_nothing_is_refused(walked: KeyframeMap, view: View) -> None:
    frame = view(walk_pose(10))
    assert frame.depth is not None
    black = replace(frame, colour=np.zeros_like(frame.colour))
    blind = replace(frame, depth=np.zeros_like(frame.depth))
    assert not locate(walked, black).accepted
    assert not locate(walked, replace(black, depth=blind.depth)).accepted


def test_an_image_without_depth_and_one_of_another_size_than_its_camera_are_errors(
    walked: KeyframeMap, view: View
) -> None:
    frame = view(walk_pose(10))
    with pytest.raises(ValueError, match="there is no depth"):
        locate(walked, replace(frame, depth=None))
    with pytest.raises(ValueError, match="the colour image is 320x240, and its camera is of 64x48"):
        locate(walked, replace(frame, camera=Camera(CAMERA.matrix, 64, 48)))


@pytest.mark.parametrize("scale", [0.5, 1.5])
def test_an_image_of_another_size_than_those_of_the_map_is_an_error(walked: KeyframeMap, scale: float) -> None:
    matrix = np.diag([scale, scale, 1.0]) @ CAMERA.matrix
    camera = Camera(matrix, int(scale * CAMERA.width), int(scale * CAMERA.height))
    colour, depth = PaintedRoom().view(camera, walk_pose(12))
    size = f"{camera.width}x{camera.height}"
    with pytest.raises(ValueError, match=f"the image is {size}, and the map was made with images of 320x240"):
        locate(walked, CameraFrame(colour, camera, depth))
