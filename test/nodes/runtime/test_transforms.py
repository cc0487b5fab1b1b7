"""The transform buffer against scipy and against the motion that its samples were taken from."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.geometry import se3
from isometry.nodes.runtime.transforms import TransformBuffer, TransformError

SECOND = 1_000_000_000


def screw(seconds: float) -> np.ndarray:
    """A motion at constant speed and turn rate about a fixed axis: what interpolation must give back exactly."""
    rotation = Rotation.from_rotvec(seconds * np.array([0.3, -0.2, 0.5])).as_matrix()
    return se3.from_rotation_translation(rotation, seconds * np.array([1.0, 2.0, -0.5]))


def moving(rate_hz: int = 10, seconds: int = 2) -> TransformBuffer:
    buffer = TransformBuffer()
    for k in range(rate_hz * seconds + 1):
        buffer.insert("odom", "base_link", screw(k / rate_hz), k * SECOND // rate_hz)
    return buffer


def test_between_samples_motion_is_interpolated() -> None:
    buffer = moving()
    for seconds in (0.0, 0.1, 0.123, 1.999, 2.0):
        assert np.allclose(buffer.lookup("odom", "base_link", round(seconds * SECOND)), screw(seconds), atol=1e-9)


def test_frames_are_joined_through_a_common_ancestor_in_both_directions() -> None:
    buffer = moving()
    T_base_lidar, T_base_camera = se3.from_planar(0.5, 0.0, 1.0), se3.from_planar(0.0, 0.2, -0.5)
    buffer.insert("base_link", "lidar", T_base_lidar, 0, static=True)
    buffer.insert("base_link", "camera", T_base_camera, 0, static=True)
    expected = se3.inverse(T_base_camera) @ T_base_lidar
    assert np.allclose(buffer.lookup("camera", "lidar", 99 * SECOND), expected)
    T_odom_lidar = screw(0.55) @ T_base_lidar
    assert np.allclose(buffer.lookup("odom", "lidar", 55 * SECOND // 100), T_odom_lidar)
    assert np.allclose(buffer.lookup("lidar", "odom", 55 * SECOND // 100), se3.inverse(T_odom_lidar))
    assert np.array_equal(buffer.lookup("lidar", "lidar", 0), np.eye(4))


@pytest.mark.parametrize(
    ("source", "seconds", "words"),
    [
        ("base_link", 2.5, "odom->base_link is asked for 0.500 s after the newest"),
        ("base_link", -0.25, "odom->base_link is asked for 0.250 s before the oldest"),
        ("lidar", 1.0, "no transform joins 'lidar' and 'odom' .known: odom->base_link"),
    ],
)
def test_what_is_not_known_is_named(source: str, seconds: float, words: str) -> None:
    with pytest.raises(TransformError, match=words):
        moving().lookup("odom", source, round(seconds * SECOND))


def test_a_leading_slash_of_old_frame_names_does_not_matter() -> None:
    buffer = TransformBuffer()
    buffer.insert("/odom", "/base_link", screw(1.0), 5)
    assert np.array_equal(buffer.lookup("odom", "/base_link", 5), screw(1.0))


def test_old_samples_are_forgotten() -> None:
    buffer = TransformBuffer()
    for k in range(150):
        buffer.insert("odom", "base_link", screw(0.1 * k), k * SECOND // 10)
    assert np.allclose(buffer.lookup("odom", "base_link", 5 * SECOND), screw(5.0))
    with pytest.raises(TransformError, match="before the oldest"):
        buffer.lookup("odom", "base_link", 4 * SECOND)


def test_samples_that_arrive_in_another_order_are_sorted() -> None:
    buffer = TransformBuffer()
    for k in (0, 2, 1, 3):
        buffer.insert("odom", "base_link", screw(0.1 * k), k * SECOND // 10)
    assert np.allclose(buffer.lookup("odom", "base_link", 15 * SECOND // 100), screw(0.15))


def test_when_time_starts_again_only_what_is_static_stays() -> None:
    buffer = moving(seconds=8)
    buffer.insert("base_link", "lidar", np.eye(4), 0, static=True)
    buffer.insert("odom", "base_link", screw(-1.0), 0)
    assert np.allclose(buffer.lookup("odom", "lidar", 0), screw(-1.0))
    with pytest.raises(TransformError, match="after the newest"):
        buffer.lookup("odom", "base_link", 4 * SECOND)


def test_a_loop_in_the_tree_is_an_error_and_no_endless_search() -> None:
    buffer = TransformBuffer()
    buffer.insert("a", "b", np.eye(4), 0)
    buffer.insert("b", "a", np.eye(4), 0)
    with pytest.raises(TransformError, match="loop"):
        buffer.lookup("a", "b", 0)


@pytest.mark.parametrize(("parent", "child", "value"), [("a", "a", 0.0), ("", "a", 0.0), ("a", "b", np.nan)])
def test_transforms_that_join_nothing_are_refused(parent: str, child: str, value: float) -> None:
    with pytest.raises(ValueError, match="transform from"):
        TransformBuffer().insert(parent, child, np.full((4, 4), value), 0)


def test_waiting_ends_when_the_transform_arrives() -> None:
    buffer = TransformBuffer()
    threading.Timer(0.05, buffer.insert, ("odom", "base_link", screw(1.0), SECOND)).start()
    assert np.array_equal(buffer.wait("odom", "base_link", SECOND, timeout_s=10.0), screw(1.0))


def test_waiting_has_an_end() -> None:
    with pytest.raises(TransformError, match="nothing is known yet"):
        TransformBuffer().wait("odom", "base_link", SECOND, timeout_s=0.01)
