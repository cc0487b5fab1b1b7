"""Keyframes: what is kept of an image, what another one has in common with it, and when two are the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from isometry.depth_egomotion.frame import rectified
from isometry.depth_egomotion.keyframe import Observed, keyframe_of
from isometry.depth_egomotion.types import CameraFrame
from isometry.geometry import se3
from isometry.geometry.se3 import moved
from isometry.simulation.painted_room import CAMERA, HALF_SIZE_M, walk_pose

View = Callable[..., CameraFrame]


def observed(frame: CameraFrame) -> Observed:
    return Observed(rectified(frame), 0, 8.0)


def test_corners_of_a_keyframe_are_on_the_walls(view: View) -> None:
    points = se3.apply(walk_pose(0), keyframe_of(observed(view(walk_pose(0)))).points)
    assert len(points) > 100
    assert np.abs((np.abs(points) / HALF_SIZE_M).max(axis=1) - 1.0).max() < 0.02


def test_corners_are_followed_to_where_a_moved_camera_sees_them(view: View) -> None:
    T = moved(np.array([0.05, 0.02, -0.04, 0.02, 0.03, 0.05]))
    keyframe = keyframe_of(observed(view(walk_pose(0))))
    corners = keyframe.followed(observed(view(walk_pose(0) @ T, 1)).frame.grey, T)
    pixels = se3.apply(se3.inverse(T), corners.points) @ CAMERA.matrix.T
    miss = np.linalg.norm(pixels[:, :2] / pixels[:, 2:] - corners.pixels, axis=1)
    assert len(corners.points) > 0.7 * len(keyframe.points)
    assert np.median(miss) < 0.3


@pytest.mark.parametrize(("right_m", "expected"), [(0.0, 1.0), (0.4, 0.64), (5.0, 0.0)])
def test_the_overlap_is_the_share_of_the_wall_that_is_still_in_sight(
    view: View, right_m: float, expected: float
) -> None:
    """Of a wall at 0.9 m an image of 320 pixels with a focal length of 260 pixels shows 1.11 m."""
    facing = se3.from_rotation_translation(np.eye(3), np.array([0.0, 0.0, HALF_SIZE_M[2] - 0.9]))
    keyframe = keyframe_of(observed(view(facing)))
    aside = se3.from_rotation_translation(np.eye(3), np.array([right_m, 0.0, 0.0]))
    assert keyframe.overlap(aside) == pytest.approx(expected, abs=0.03)
    assert keyframe.distance == pytest.approx(0.9, abs=0.01)


def test_images_are_the_same_only_bit_by_bit(view: View) -> None:
    frame = view(walk_pose(0))
    assert frame.depth is not None
    other_depth, other_colour = frame.depth.copy(), frame.colour.copy()
    other_depth[5, 5] += 0.001
    other_colour[5, 5] += 9
    here = observed(frame)
    assert here.same_as(observed(frame))
    assert not here.same_as(observed(replace(frame, depth=other_depth)))
    assert not here.same_as(observed(replace(frame, colour=other_colour)))
    assert not here.same_as(observed(replace(frame, depth=None)))


def test_an_even_image_without_depth_shows_nothing(view: View) -> None:
    frame = view(walk_pose(0))
    assert frame.depth is not None
    black, blind = np.zeros_like(frame.colour), np.zeros_like(frame.depth)
    assert observed(frame).shows_something
    assert observed(replace(frame, colour=black)).shows_something
    assert observed(replace(frame, depth=blind)).shows_something
    assert not observed(replace(frame, colour=black, depth=blind)).shows_something


def test_late_depth_is_moved_to_where_the_colour_camera_saw_it(view: View) -> None:
    late = moved(np.array([0.03, 0.0, 0.05, 0.0, 0.02, 0.0]))
    frame = replace(view(walk_pose(0)), depth=view(walk_pose(0) @ late).depth)
    expected = view(walk_pose(0)).depth
    there = observed(frame).with_depth_moved(late).frame.depth
    assert there is not None
    assert expected is not None
    known = there > 0.0
    assert known.mean() > 0.7
    assert abs(np.median((there - expected)[known])) < 0.002  # the wall is 33 mm nearer
