"""One camera without depth: its motion up to scale, its scale by the ground, and what it says where it cannot know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.datasets.rgbd.kitti_images import open_kitti_images
from isometry.depth_egomotion.depth_model import DepthEstimate
from isometry.depth_egomotion.mono import MonoEgoMotion
from isometry.depth_egomotion.parameters import EgoMotionParameters
from isometry.depth_egomotion.types import CameraFrame, EgoMotionStep
from isometry.evaluation.common.camera_frames import camera_frame
from isometry.geometry import se3
from isometry.sensing.cameras import Camera
from isometry.simulation.painted_room import CAMERA, walk_pose

Follow = Callable[..., list[EgoMotionStep]]
View = Callable[..., CameraFrame]


def seen(frames: Sequence[CameraFrame]) -> list[CameraFrame]:
    return [replace(frame, depth=None) for frame in frames]


def positions(steps: Sequence[EgoMotionStep]) -> Array:
    return np.array([step.T_odom_camera[:3, 3] for step in steps])


def scale(found: Array, true: Array) -> float:
    """The one by which positions (N,3) fit best to true ones."""
    return float((found * true).sum() / (true * true).sum())


def with_speeds(frames: Sequence[CameraFrame], T_true: Array, sigma_mps: float = 0.0) -> list[CameraFrame]:
    """Frames at 10 Hz without depth, each with the true speed of the camera."""
    speeds = 10.0 * np.linalg.norm(np.gradient(T_true[:, :3, 3], axis=0), axis=1)
    return [
        replace(frame, speed_mps=float(speed), speed_sigma_mps=sigma_mps)
        for frame, speed in zip(seen(frames), speeds, strict=True)
    ]


class TrueDepth:
    """Predicts the depth of known frames, times a factor, with a relative standard deviation."""

    def __init__(self, frames: Sequence[CameraFrame], factor: float = 1.0, relative: float | None = None) -> None:
        self.frames, self.factor, self.relative = frames, factor, relative

    def predict(self, colour: NDArray[np.uint8], camera: Camera) -> DepthEstimate:
        frame = next(each for each in self.frames if np.array_equal(each.colour, colour))
        assert frame.depth is not None
        depth = (self.factor * frame.depth).astype(np.float32)
        sigma = None if self.relative is None else (self.relative * depth).astype(np.float32)
        return DepthEstimate(depth, sigma, np.zeros((*depth.shape, 3), np.float32), normals_predicted=False)


def test_a_walk_is_followed_up_to_scale(walk: Sequence[CameraFrame], true_walk: Array, follow: Follow) -> None:
    method = MonoEgoMotion(EgoMotionParameters())
    steps, true_walk = follow(method, seen(walk[::2])), true_walk[::2]
    assert {step.state for step in steps} == {"ok"}
    assert {step.scale_sigma for step in steps} == {1.0}
    found, true = positions(steps), true_walk[:, :3, 3]
    error = np.linalg.norm(found / scale(found, true) - true, axis=1)
    assert error.max() < 0.1 * np.linalg.norm(true[-1])
    turns = [se3.rotation_angle(se3.inverse(T) @ step.T_odom_camera) for T, step in zip(true_walk, steps, strict=True)]
    assert max(turns) < np.radians(1.0)
    np.testing.assert_array_equal(method.optimised(), [step.T_odom_camera for step in steps])


def test_the_first_motion_is_the_unit_of_length(walk: Sequence[CameraFrame], follow: Follow) -> None:
    steps = follow(MonoEgoMotion(EgoMotionParameters()), seen(walk[::3]))
    assert np.linalg.norm(steps[1].T_before_camera[:3, 3]) == pytest.approx(1.0)


def test_frames_turned_by_a_roll_of_the_camera_have_the_same_motion_turned(view: View, follow: Follow) -> None:
    roll = se3.from_rotation_translation(Rotation.from_euler("z", 90.0, degrees=True).as_matrix(), np.zeros(3))
    upright, turned = (
        follow(MonoEgoMotion(EgoMotionParameters()), seen([view(walk_pose(2 * k) @ T, k) for k in range(10)]))
        for T in (np.eye(4), roll)
    )
    found, expected = roll @ turned[-1].T_odom_camera @ se3.inverse(roll), upright[-1].T_odom_camera
    assert se3.rotation_angle(se3.inverse(found) @ expected) < np.radians(0.5)
    along = [T[:3, 3] / np.linalg.norm(T[:3, 3]) for T in (found, expected)]
    assert along[0] @ along[1] > np.cos(np.radians(8.0))


def test_a_told_speed_is_the_scale(walk: Sequence[CameraFrame], true_walk: Array, follow: Follow) -> None:
    true = true_walk[::2]
    steps = follow(MonoEgoMotion(EgoMotionParameters()), with_speeds(walk[::2], true))
    assert scale(positions(steps), true[:, :3, 3]) == pytest.approx(1.0, abs=0.05)
    assert steps[0].scale_sigma == 1.0
    assert 0.01 < steps[-1].scale_sigma < 0.2
    loose = follow(MonoEgoMotion(EgoMotionParameters()), with_speeds(walk[::2], true, sigma_mps=0.2))
    assert loose[-1].scale_sigma > 1.5 * steps[-1].scale_sigma


def test_a_speed_that_is_told_later_makes_metres_of_units(
    walk: Sequence[CameraFrame], true_walk: Array, follow: Follow
) -> None:
    true = true_walk[::2]
    told = with_speeds(walk[::2], true)
    frames = [*(replace(frame, speed_mps=None) for frame in told[:6]), *told[6:]]
    steps = follow(MonoEgoMotion(EgoMotionParameters()), frames)
    lengths = [float(np.linalg.norm(step.T_before_camera[:3, 3])) for step in steps]
    true_lengths = np.linalg.norm(np.diff(true[:, :3, 3], axis=0), axis=1)
    assert lengths[1] == pytest.approx(1.0)
    assert [step.scale_sigma for step in steps[:6]] == [1.0] * 6
    assert sum(lengths[7:]) == pytest.approx(true_lengths[6:].sum(), rel=0.1)
    assert steps[-1].scale_sigma < 0.3


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_predicted_depth_is_the_scale(
    walk: Sequence[CameraFrame], true_walk: Array, follow: Follow, factor: float
) -> None:
    true = true_walk[::2]
    method = MonoEgoMotion(EgoMotionParameters(), TrueDepth(walk, factor))
    steps = follow(method, seen(walk[::2]))
    assert scale(positions(steps), true[:, :3, 3]) == pytest.approx(factor, rel=0.1)
    assert 0.1 <= steps[-1].scale_sigma < 0.3


def test_the_scale_is_not_better_known_than_the_network_says(walk: Sequence[CameraFrame], follow: Follow) -> None:
    steps = follow(MonoEgoMotion(EgoMotionParameters(), TrueDepth(walk, relative=0.5)), seen(walk[::2]))
    assert 0.5 <= steps[-1].scale_sigma < 1.0


def test_the_way_while_no_motion_is_seen_is_made_up_for(view: View, follow: Follow) -> None:
    """Motions that are too small to be seen from image to image are seen after a few."""
    T_true = np.array([se3.from_rotation_translation(np.eye(3), np.array([0.004 * k, 0.0, 0.0])) for k in range(30)])
    frames = with_speeds([view(walk_pose(0) @ T, seed) for seed, T in enumerate(T_true)], T_true)
    steps = follow(MonoEgoMotion(EgoMotionParameters()), frames)
    way, true = np.linalg.norm(positions(steps), axis=1), np.linalg.norm(T_true[:, :3, 3], axis=1)
    seen_to_move = int(np.flatnonzero(way)[0])
    assert seen_to_move > 1
    assert way[seen_to_move] == pytest.approx(true[seen_to_move], rel=0.05)


def test_the_ground_under_a_car_gives_the_scale(shared_data: Path, follow: Follow) -> None:
    folder = shared_data / "rgbd/kitti_odometry_06"
    if not folder.is_dir():
        pytest.skip(f"a recording is not there: {folder}")
    recording = open_kitti_images(folder, "06")
    frames = [camera_frame(recording, number) for number in range(20)]
    steps = follow(MonoEgoMotion(EgoMotionParameters(camera_height=1.65)), frames)
    assert recording.T_world_colour is not None
    way = np.linalg.norm(np.diff(recording.T_world_colour[:20, :3, 3], axis=0), axis=1).sum()
    found = np.linalg.norm(np.diff(positions(steps), axis=0), axis=1).sum()
    assert {step.state for step in steps} == {"ok"}
    assert found == pytest.approx(way, rel=0.03)
    assert abs(found / way - 1.0) < 2.0 * steps[-1].scale_sigma < 0.2


def test_a_camera_that_stands_does_not_move(view: View, follow: Follow) -> None:
    frames = [view(walk_pose(0), seed) for seed in range(8)]
    steps = follow(MonoEgoMotion(EgoMotionParameters()), seen(frames))
    assert {step.state for step in steps} == {"ok"}
    np.testing.assert_array_equal(positions(steps), 0.0)
    assert max(se3.rotation_angle(step.T_odom_camera) for step in steps) < np.radians(0.2)


def test_it_stands_walks_and_stands_again(view: View, follow: Follow) -> None:
    numbers = [0, 0, 0, *range(0, 20, 2), 18, 18, 18]
    frames = [view(walk_pose(number), seed) for seed, number in enumerate(numbers)]
    steps = follow(MonoEgoMotion(EgoMotionParameters()), seen(frames))
    assert {step.state for step in steps} == {"ok"}
    found, true = positions(steps), np.array([(se3.inverse(walk_pose(0)) @ walk_pose(k))[:3, 3] for k in numbers])
    error = np.linalg.norm(found / scale(found, true) - true, axis=1)
    assert error.max() < 0.15 * np.linalg.norm(true[-1])
    assert np.linalg.norm(found[-1] - found[-3]) < 0.1 * np.linalg.norm(found[-1])


def test_frozen_and_black_images_are_told_and_the_walk_goes_on(walk: Sequence[CameraFrame], follow: Follow) -> None:
    black = replace(walk[0], colour=np.zeros_like(walk[0].colour))
    frames = seen([black, *walk[:12:2], walk[10], black, walk[12], walk[14]])
    steps = follow(MonoEgoMotion(EgoMotionParameters()), frames)
    assert [step.state for step in steps] == ["bad_input", *["ok"] * 6, "frozen", "bad_input", "ok", "ok"]
    assert all(step.reason for step in steps if step.state != "ok")
    np.testing.assert_array_equal(steps[8].T_odom_camera, steps[6].T_odom_camera)


def test_another_room_all_of_a_sudden_is_lost_and_then_gone_on_from(
    walk: Sequence[CameraFrame], view: View, follow: Follow
) -> None:
    frames = [*walk[:10:2], *(view(walk_pose(k), k, room=1) for k in range(10, 20, 2))]
    steps = follow(MonoEgoMotion(EgoMotionParameters()), seen(frames))
    assert [step.state for step in steps] == ["ok"] * 5 + ["lost"] + ["ok"] * 4
    assert "corners" in steps[5].reason
    assert np.trace(steps[5].motion_covariance) > 10.0 * np.trace(steps[4].motion_covariance)
    assert np.trace(steps[-1].covariance) > np.trace(steps[4].covariance)


def test_a_lens_is_straightened(walk: Sequence[CameraFrame], view: View, follow: Follow) -> None:
    """An image whose lens is told otherwise than it is leads to another motion: the coefficients are used."""
    bent = replace(CAMERA, model="plumb_bob", distortion=(0.3, 0.0, 0.0, 0.0, 0.0))
    plain, wrong = (
        positions(follow(MonoEgoMotion(EgoMotionParameters()), [replace(f, camera=camera) for f in seen(walk[:9:2])]))
        for camera in (CAMERA, bent)
    )
    assert np.linalg.norm(plain[-1] - wrong[-1]) > 0.01
