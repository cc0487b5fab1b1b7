"""Features: found again from another side, however the camera is rolled, and none where nothing is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.depth_egomotion.alignment import Corners
from isometry.depth_egomotion.features import Features, features_of, matched, pose_of
from isometry.depth_egomotion.frame import rectified
from isometry.depth_egomotion.pinhole import projected
from isometry.depth_egomotion.types import CameraFrame
from isometry.geometry import se3
from isometry.simulation.painted_room import CAMERA, HALF_SIZE_M, walk_pose

View = Callable[..., CameraFrame]


def features(frame: CameraFrame) -> Features:
    return features_of(rectified(frame), 8.0)


def motion(roll_deg: float) -> Array:
    turn = Rotation.from_euler("zyx", [roll_deg, 6.0, -4.0], degrees=True).as_matrix()
    return se3.from_rotation_translation(turn, np.array([0.1, -0.05, 0.08]))


@pytest.mark.parametrize("roll_deg", [0.0, 37.0, 90.0, 180.0])
def test_the_pose_is_found_from_another_side_however_the_camera_is_rolled(view: View, roll_deg: float) -> None:
    T = motion(roll_deg)
    reference, here = features(view(walk_pose(0))), features(view(walk_pose(0) @ T, 1))
    found = pose_of(matched(reference, here), CAMERA.matrix)
    assert found is not None
    metres, radians = se3.distance(T, found[0])
    assert metres < 0.02
    assert radians < 0.01
    assert len(found[1].points) > 25


def test_the_points_of_features_are_on_the_walls(view: View) -> None:
    found = features(view(walk_pose(0)))
    points = se3.apply(walk_pose(0), found.points[np.isfinite(found.points[:, 2])])
    assert len(points) > 200
    assert np.abs((np.abs(points) / HALF_SIZE_M).max(axis=1) - 1.0).max() < 0.02
    np.testing.assert_allclose(np.linalg.norm(found.descriptors, axis=1), 1.0, atol=1e-5)


def test_another_room_is_not_this_one(view: View) -> None:
    found = pose_of(matched(features(view(walk_pose(0))), features(view(walk_pose(0), room=1))), CAMERA.matrix)
    assert found is None or len(found[1].points) < 12


def test_features_beyond_the_largest_depth_and_without_depth_have_no_point(view: View) -> None:
    frame = view(walk_pose(0))
    assert frame.depth is not None
    near = features_of(rectified(frame), float(np.median(frame.depth)))
    assert 0.2 < np.isfinite(near.points[:, 2]).mean() < 0.8
    alone = features(replace(frame, depth=None))
    assert np.isnan(alone.points).all()
    assert len(matched(alone, near).points) == 0


def test_an_even_image_has_none(view: View) -> None:
    frame = view(walk_pose(0))
    even = features(replace(frame, colour=np.full_like(frame.colour, 80)))
    assert even.pixels.shape == (0, 2)
    assert len(matched(features(frame), even).points) == 0
    assert len(matched(even, features(frame)).points) == 0


def test_too_few_corners_and_corners_on_a_line_have_no_pose() -> None:
    points = np.column_stack([np.linspace(-1.0, 1.0, 20), np.zeros(20), np.full(20, 2.0)])
    line = Corners(points, projected(points, CAMERA.matrix))
    assert pose_of(line.chosen(np.arange(4)), CAMERA.matrix) is None
    found = pose_of(line, CAMERA.matrix)
    assert found is None or np.isfinite(found[0]).all()
