"""The map of keyframes: a camera is found in it, in another room it is not, and twins are named."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.depth_egomotion.frame import rectified
from isometry.depth_egomotion.keyframe import Observed, keyframe_of
from isometry.depth_egomotion.keyframe_map import KeyframeMap
from isometry.depth_egomotion.types import CameraFrame
from isometry.geometry import se3
from isometry.geometry.se3 import moved

View = Callable[..., CameraFrame]
TURNS_DEG = (0.0, 50.0, 100.0)


def looking(degrees: float) -> Array:
    """T_room_camera of a camera near the middle of the room."""
    turn = Rotation.from_euler("y", degrees, degrees=True).as_matrix()
    return se3.from_rotation_translation(turn, np.array([0.1, 0.0, -0.3]))


def observed(view: View, T_room_camera: Array, seed: int = 0, room: int = 0) -> Observed:
    return Observed(rectified(view(T_room_camera, seed, room)), 0, 8.0)


def room_map(view: View, places: Sequence[Array], rooms: Sequence[int]) -> KeyframeMap:
    """Keyframes looking around at some places of the map (4,4), each in a room of its own paint."""
    keyframes = KeyframeMap()
    for T_map_room, room in zip(places, rooms, strict=True):
        for degrees in TURNS_DEG:
            keyframe = keyframe_of(observed(view, looking(degrees), 1, room))
            keyframes.add(keyframe, T_map_room @ looking(degrees))
    return keyframes


@pytest.fixture(scope="module")
def one_room(view: View) -> KeyframeMap:
    return room_map(view, [np.eye(4)], [0])


@pytest.mark.parametrize("roll_deg", [0.0, 40.0])
@pytest.mark.parametrize("degrees", [3.0, 48.0, 95.0])
def test_a_camera_is_found(one_room: KeyframeMap, view: View, degrees: float, roll_deg: float) -> None:
    roll = moved(np.array([0.04, -0.03, 0.05, 0.0, 0.0, np.radians(roll_deg)]))
    T_room_camera = looking(degrees) @ roll
    found = one_room.locate(observed(view, T_room_camera, 2))
    assert found is not None
    assert found.rival is None
    metres, radians = se3.distance(found.T_map_camera, T_room_camera)
    assert metres < 0.01
    assert radians < 0.01
    assert TURNS_DEG[found.keyframe] == pytest.approx(degrees, abs=10.0)


def test_a_camera_in_another_room_is_not_found(one_room: KeyframeMap, view: View) -> None:
    for degrees in (0.0, 50.0, 180.0):
        assert one_room.locate(observed(view, looking(degrees), 2, room=1)) is None


def test_nothing_is_found_in_an_empty_map(view: View) -> None:
    assert KeyframeMap().locate(observed(view, looking(0.0))) is None


def test_only_keyframes_before_one_are_looked_at(one_room: KeyframeMap, view: View) -> None:
    here = observed(view, looking(100.0), 2)
    assert one_room.locate(here) is not None
    assert one_room.locate(here, before=1) is None


def test_a_room_that_looks_like_another_one_is_named_as_a_rival(view: View) -> None:
    away = se3.from_planar(7.0, 2.0, 0.0)
    twins = room_map(view, [np.eye(4), away], [0, 0])
    found = twins.locate(observed(view, looking(2.0), 2))
    assert found is not None
    assert found.rival is not None
    poses = sorted((found.T_map_camera, found.rival), key=lambda T: float(T[0, 3]))
    for T, expected in zip(poses, (looking(2.0), away @ looking(2.0)), strict=True):
        assert se3.distance(T, expected)[0] < 0.02
    others = room_map(view, [np.eye(4), away], [0, 1])
    alone = others.locate(observed(view, looking(2.0), 2))
    assert alone is not None
    assert alone.rival is None


def test_neighbours_are_keyframes_that_show_the_same_the_most_first(one_room: KeyframeMap) -> None:
    assert one_room.neighbours(looking(2.0)) == [0]
    assert one_room.neighbours(looking(27.0))[0] == 1
    assert one_room.neighbours(looking(230.0)) == []


def test_a_keyframe_seen_again_is_given_with_the_pose_relative_to_it(one_room: KeyframeMap, view: View) -> None:
    T_room_camera = looking(51.0) @ moved(np.array([0.01, 0.0, 0.02, 0.0, 0.0, 0.01]))
    drifted = moved(np.array([0.01, -0.01, 0.01, 0.0, 0.005, 0.0])) @ T_room_camera
    again = one_room.seen_again(observed(view, T_room_camera, 2), drifted, but=0)
    assert again is not None
    number, tracked = again
    assert number == 1
    metres, _ = se3.distance(tracked.T_keyframe_camera, se3.inverse(looking(50.0)) @ T_room_camera)
    assert metres < 0.005
    assert one_room.seen_again(observed(view, T_room_camera, 2), drifted, but=1) is None
    assert one_room.seen_again(observed(view, looking(25.0), 2), looking(25.0), but=0) is None
