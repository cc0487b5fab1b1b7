"""The pipeline as a user sees it: walks through a room, with all that goes wrong with cameras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.depth_egomotion.parameters import EgoMotionParameters
from isometry.depth_egomotion.pipeline import RgbdEgoMotion
from isometry.depth_egomotion.types import CameraFrame, EgoMotionStep
from isometry.geometry import se3
from isometry.sensing.cameras import Camera
from isometry.simulation.painted_room import CAMERA, HALF_SIZE_M, PaintedRoom, walk_pose

Follow = Callable[..., list[EgoMotionStep]]
View = Callable[..., CameraFrame]
Walk = Sequence[CameraFrame]
DEPTH_CAMERA = Camera(np.array([[290.0, 0.0, 158.0], [0.0, 290.0, 121.0], [0.0, 0.0, 1.0]]), 320, 240)
SMALL_DEPTH_CAMERA = Camera(np.diag([0.5, 0.5, 1.0]) @ DEPTH_CAMERA.matrix, 160, 120)
T_COLOUR_DEPTH = se3.from_rotation_translation(
    Rotation.from_rotvec([0.01, -0.02, 0.01]).as_matrix(), np.array([0.025, 0.002, 0.0])
)
FEW_MM, FEW_MRAD = 0.006, 0.004  # metres and radians
JUMP = 0.1  # metres of a step that no walk here takes


@pytest.fixture
def method() -> RgbdEgoMotion:
    return RgbdEgoMotion(EgoMotionParameters())


def black(frame: CameraFrame) -> CameraFrame:
    return replace(frame, colour=np.zeros_like(frame.colour))


def even(frame: CameraFrame) -> CameraFrame:
    return replace(frame, colour=np.full_like(frame.colour, 128))


def blind(frame: CameraFrame) -> CameraFrame:
    assert frame.depth is not None
    return replace(frame, depth=np.zeros_like(frame.depth))


def nothing(frame: CameraFrame) -> CameraFrame:
    return blind(black(frame))


def states(steps: Sequence[EgoMotionStep]) -> list[str]:
    return [step.state for step in steps]


def true_poses(numbers: Sequence[int]) -> Array:
    """T_first_camera (N,4,4) of some images of the walk."""
    return np.array([se3.inverse(walk_pose(numbers[0])) @ walk_pose(number) for number in numbers])


def worst(T_found: Sequence[Array], T_true: Array) -> tuple[float, float]:
    """The largest error: metres, and radians."""
    errors = [se3.distance(found, true) for found, true in zip(T_found, T_true, strict=True)]
    return max(metres for metres, _ in errors), max(radians for _, radians in errors)


def assert_followed(steps: Sequence[EgoMotionStep], T_true: Array, factor: float = 1.0) -> None:
    metres, radians = worst([step.T_odom_camera for step in steps], T_true)
    assert metres < FEW_MM * factor
    assert radians < FEW_MRAD * factor


# What goes well.


def test_a_walk_is_followed(method: RgbdEgoMotion, walk: Walk, true_walk: Array, follow: Follow) -> None:
    steps = follow(method, walk)
    assert set(states(steps)) == {"ok"}
    assert_followed(steps, true_walk)
    assert worst(method.optimised(), true_walk)[0] < FEW_MM
    assert 1 < sum(step.keyframe for step in steps) < 8
    assert {step.scale_sigma for step in steps} == {0.0}
    assert len(method.optimised()) == len(walk)


def test_errors_are_what_the_covariances_say(
    walk: Walk, true_walk: Array, method: RgbdEgoMotion, follow: Follow
) -> None:
    steps = follow(method, walk)[1:]
    motions = [se3.inverse(before) @ after for before, after in pairwise(true_walk)]
    of_poses = [
        np.abs(se3.error(step.T_odom_camera, T)) / np.sqrt(np.diag(step.covariance))
        for step, T in zip(steps, true_walk[1:], strict=True)
    ]
    of_motions = [
        np.abs(se3.error(step.T_before_camera, T)) / np.sqrt(np.diag(step.motion_covariance))
        for step, T in zip(steps, motions, strict=True)
    ]
    assert np.mean(np.array(of_poses) < 2.0) > 0.9
    assert np.mean(np.array(of_motions) < 2.0) > 0.9
    assert np.sqrt(np.diag(steps[-1].covariance)).max() < 0.02


@pytest.mark.parametrize("roll_deg", [90.0, 180.0, 37.0])
def test_frames_turned_by_a_roll_of_the_camera_have_the_same_motion_turned(
    view: View, follow: Follow, method: RgbdEgoMotion, walk: Walk, roll_deg: float
) -> None:
    roll = se3.from_rotation_translation(Rotation.from_euler("z", roll_deg, degrees=True).as_matrix(), np.zeros(3))
    upright = follow(method, walk[:20])
    turned = follow(
        RgbdEgoMotion(EgoMotionParameters()), [view(walk_pose(number) @ roll, number) for number in range(20)]
    )
    assert states(turned) == states(upright)
    metres, radians = worst(
        [roll @ step.T_odom_camera @ se3.inverse(roll) for step in turned],
        np.array([step.T_odom_camera for step in upright]),
    )
    assert metres < FEW_MM
    assert radians < FEW_MRAD


def test_a_camera_that_rolls_over_is_followed(view: View, follow: Follow, method: RgbdEgoMotion) -> None:
    """Half a turn about the optical axis, 8 degrees from image to image."""
    turns = [
        se3.from_rotation_translation(Rotation.from_euler("z", np.radians(8.0 * k)).as_matrix(), np.zeros(3))
        for k in range(23)
    ]
    steps = follow(method, [view(walk_pose(5) @ turn, k) for k, turn in enumerate(turns)])
    assert set(states(steps)) == {"ok"}
    assert_followed(steps, np.array(turns), 2.0)


def test_walls_without_texture_are_followed_by_their_surfaces(
    view: View, follow: Follow, method: RgbdEgoMotion
) -> None:
    """A corner of the room: three walls hold the camera."""
    start = se3.from_rotation_translation(
        Rotation.from_euler("yx", [40.0, -25.0], degrees=True).as_matrix(), np.array([0.3, 0.2, 0.5])
    )
    poses = [start @ se3.from_rotation_translation(np.eye(3), np.array([0.01 * k, 0.0, 0.005 * k])) for k in range(15)]
    steps = follow(method, [even(view(T, k)) for k, T in enumerate(poses)])
    assert set(states(steps)) == {"ok"}
    assert_followed(steps, np.array([se3.inverse(start) @ T for T in poses]), 2.0)


def test_a_walk_around_the_room_is_closed(view: View, follow: Follow, method: RgbdEgoMotion) -> None:
    """A whole turn: the map closes, and the odometry does not jump for it."""
    poses = [
        se3.from_rotation_translation(
            Rotation.from_euler("y", 10.0 * k, degrees=True).as_matrix(),
            0.2 * np.array([np.sin(np.radians(10.0 * k)), 0.0, np.cos(np.radians(10.0 * k))]),
        )
        for k in range(40)
    ]
    steps = follow(method, [view(T, k) for k, T in enumerate(poses)])
    assert set(states(steps)) == {"ok"}
    true = np.array([se3.inverse(poses[0]) @ T for T in poses])
    assert worst(method.optimised(), true)[0] < 0.03
    assert worst([step.T_odom_camera for step in steps], true)[0] < 0.05
    assert max(np.linalg.norm(step.T_before_camera[:3, 3]) for step in steps) < 0.05


def test_a_map_that_forgets_its_oldest_keyframes_goes_on(view: View, follow: Follow) -> None:
    poses = [
        se3.from_rotation_translation(Rotation.from_euler("y", 12.0 * k, degrees=True).as_matrix(), np.zeros(3))
        for k in range(36)
    ]
    method = RgbdEgoMotion(EgoMotionParameters(keyframes_kept=10))
    steps = follow(method, [view(T, k) for k, T in enumerate(poses)])
    assert set(states(steps)) == {"ok"}
    assert len(method.optimised()) == len(poses)
    assert worst([step.T_odom_camera for step in steps], np.array(poses))[0] < 0.05
    assert worst(method.optimised(), np.array(poses))[0] < 0.05


def test_a_camera_that_stands_stays_where_it_is(view: View, follow: Follow, method: RgbdEgoMotion) -> None:
    steps = follow(method, [view(walk_pose(3), seed) for seed in range(12)])
    assert set(states(steps)) == {"ok"}
    assert max(np.linalg.norm(step.T_odom_camera[:3, 3]) for step in steps) < 0.002
    assert sum(step.keyframe for step in steps) == 1


# Other cameras.


@pytest.mark.parametrize("depth_camera", [DEPTH_CAMERA, SMALL_DEPTH_CAMERA], ids=["same size", "half the size"])
def test_depth_of_a_camera_of_its_own_is_registered(
    follow: Follow, method: RgbdEgoMotion, depth_camera: Camera, view: View, true_walk: Array
) -> None:
    frames = [
        replace(
            view(walk_pose(number), number),
            depth=PaintedRoom().view(depth_camera, walk_pose(number) @ T_COLOUR_DEPTH)[1],
            depth_camera=depth_camera,
            T_colour_depth=T_COLOUR_DEPTH,
        )
        for number in range(20)
    ]
    steps = follow(method, frames)
    assert set(states(steps)) == {"ok"}
    assert_followed(steps, true_walk[:20], 2.0)


def test_a_lens_that_distorts_is_honoured(walk: Walk, true_walk: Array, follow: Follow, method: RgbdEgoMotion) -> None:
    lens = replace(CAMERA, model="plumb_bob", distortion=(0.26, -0.4, 0.001, -0.001, 0.1))
    v, u = np.mgrid[: lens.height, : lens.width].astype(np.float32)
    seen = np.stack([u.ravel(), v.ravel()], axis=1)[:, None]
    ideal = cv2.undistortPoints(seen, lens.matrix, np.array(lens.distortion), P=lens.matrix)
    columns, rows = np.moveaxis(np.asarray(ideal, np.float32).reshape(*lens.shape, 2), 2, 0)
    frames = [
        CameraFrame(
            np.asarray(cv2.remap(frame.colour, columns, rows, cv2.INTER_LINEAR), np.uint8),
            lens,
            np.asarray(cv2.remap(np.asarray(frame.depth), columns, rows, cv2.INTER_NEAREST), np.float64),
        )
        for frame in walk[:20]
    ]
    steps = follow(method, frames)
    assert set(states(steps)) == {"ok"}
    assert_followed(steps, true_walk[:20], 2.0)


# What goes wrong.


@pytest.mark.parametrize("gap", [10, 18])
def test_after_frames_that_are_taken_out_it_is_found_again_and_never_jumps(
    walk: Walk, follow: Follow, method: RgbdEgoMotion, gap: int
) -> None:
    """Nothing comes from the camera for a while; then it is where it was before."""
    there, back = list(range(26)), list(range(26 - gap - 1, 2, -1))
    before = follow(method, [walk[number] for number in there])
    after = follow(method, [walk[number] for number in back], first=26 + gap)
    found = next(k for k, step in enumerate(after) if step.state == "ok")
    assert found < 5
    assert set(states(after[found:])) == {"ok"}
    true = true_poses(there + back)[26:]
    metres, radians = worst([step.T_map_camera for step in after[found:]], true[found:])
    assert metres < 3.0 * FEW_MM
    assert radians < 3.0 * FEW_MRAD
    # either the motion is known by the map, or the odometry has not moved by it
    seen = se3.distance(after[found].T_odom_camera, true[found])[0] < 3.0 * FEW_MM
    stayed = se3.distance(after[found].T_odom_camera, before[-1].T_odom_camera)[0] < JUMP
    assert seen or (stayed and after[found].corrected == "found again")


def test_a_camera_that_is_torn_away_is_followed_or_lost(view: View, follow: Follow, method: RgbdEgoMotion) -> None:
    """It stands, and is 20 cm and 15 degrees further in the next image: no hand moves so in a tenth of a second."""
    torn = se3.from_rotation_translation(
        Rotation.from_euler("y", 15.0, degrees=True).as_matrix(), np.array([0.2, 0.0, 0.0])
    )
    poses = [walk_pose(3)] * 5 + [walk_pose(3) @ torn] * 4
    steps = follow(method, [view(T, seed) for seed, T in enumerate(poses)])
    for step, T in zip(steps, poses, strict=True):
        error = se3.error(step.T_odom_camera, se3.inverse(poses[0]) @ T)
        assert (np.abs(error) < 3.0 * np.sqrt(np.diag(step.covariance)) + FEW_MM).all()
    assert steps[-1].state == "ok"


ELSEWHERE = se3.from_rotation_translation(
    Rotation.from_euler("yx", [130.0, 20.0], degrees=True).as_matrix(), np.array([0.3, -0.2, 0.4])
)


def another_room(view: View, numbers: Sequence[int]) -> list[CameraFrame]:
    """A walk through a room of another paint, from another place in it."""
    return [view(ELSEWHERE @ walk_pose(number), number, room=1) for number in numbers]


def test_a_room_that_was_never_seen_is_lost_and_then_a_map_of_its_own(
    walk: Walk, view: View, follow: Follow, method: RgbdEgoMotion
) -> None:
    steps = follow(method, [*walk[:12], *another_room(view, range(12, 40))])
    assert set(states(steps[:12])) == {"ok"}
    again = next(k for k in range(12, len(steps)) if steps[k].state != "lost")
    assert 25 < again < 32
    assert set(states(steps[again:])) == {"unmapped"}
    assert max(np.linalg.norm(step.T_before_camera[:3, 3]) for step in steps) < JUMP / 2.0
    sigma = np.sqrt(np.diag(steps[-1].covariance))
    assert sigma[:3].min() > 0.2  # it may have been carried anywhere in the meantime
    assert (np.abs(se3.error(steps[-1].T_odom_camera, true_poses(range(40))[-1])) < 2.0 * sigma).all()
    of_motion = [se3.inverse(before) @ after for before, after in pairwise(true_poses(range(again + 1, 40)))]
    assert worst([step.T_before_camera for step in steps[again + 2 :]], np.array(of_motion))[0] < FEW_MM


def test_back_in_the_first_room_it_is_found_again_and_the_odometry_does_not_jump(
    walk: Walk, view: View, follow: Follow, method: RgbdEgoMotion
) -> None:
    """What was never seen between the two rooms is not told by a map of both."""
    steps = follow(method, [*walk[:12], *another_room(view, range(12, 36)), *walk[2:12]])
    true = true_poses([*range(36), *range(2, 12)])
    assert steps[-1].state == "ok"
    assert se3.distance(steps[-1].T_map_camera, true[-1])[0] < 3.0 * FEW_MM
    assert "found again" in {step.corrected for step in steps[36:]}
    assert max(np.linalg.norm(step.T_before_camera[:3, 3]) for step in steps) < JUMP


def test_a_bare_wall_holds_some_directions_only_and_the_covariance_says_so(
    view: View, follow: Follow, method: RgbdEgoMotion
) -> None:
    """The camera moves along a wall without texture."""
    facing = se3.from_rotation_translation(np.eye(3), np.array([0.0, 0.0, HALF_SIZE_M[2] - 0.9]))
    aside = [se3.from_rotation_translation(np.eye(3), np.array([0.01 * k, 0.0, 0.0])) for k in range(12)]
    steps = follow(method, [even(view(facing @ T, k)) for k, T in enumerate(aside)])
    assert set(states(steps[1:])) == {"unconstrained"}
    assert steps[-1].reason == "nothing seen holds x, y, yaw of the camera"
    errors = np.array([se3.error(step.T_odom_camera, T) for step, T in zip(steps, aside, strict=True)])
    sigmas = np.sqrt([np.diag(step.covariance) for step in steps])
    assert (np.abs(errors[1:]) < 2.0 * sigmas[1:]).all()
    assert sigmas[-1, [0, 1, 5]].min() > 0.05
    assert sigmas[-1, [2, 3, 4]].max() < 0.02


@pytest.mark.parametrize("spoilt", [black, blind], ids=["black", "no depth"])
def test_one_image_that_is_black_or_has_no_depth_is_bridged_by_the_other(
    walk: Walk, true_walk: Array, follow: Follow, method: RgbdEgoMotion, spoilt: Callable[[CameraFrame], CameraFrame]
) -> None:
    steps = follow(method, [*walk[:6], spoilt(walk[6]), *walk[7:13]])
    assert set(states(steps)) == {"ok"}
    assert_followed(steps, true_walk[:13], 2.0)


def test_after_a_black_image_corners_are_followed_again(view: View, follow: Follow, method: RgbdEgoMotion) -> None:
    """Along a wall with paint, whose surface alone does not hold the camera."""
    facing = se3.from_rotation_translation(np.eye(3), np.array([0.0, 0.0, HALF_SIZE_M[2] - 0.9]))
    aside = [se3.from_rotation_translation(np.eye(3), np.array([0.01 * k, 0.0, 0.0])) for k in range(12)]
    frames = [view(facing @ T, k) for k, T in enumerate(aside)]
    steps = follow(method, [*frames[:5], black(frames[5]), *frames[6:]])
    assert set(states(steps[6:])) == {"ok"}
    assert np.sqrt(np.diag(steps[-1].covariance)).max() < 0.03
    assert_followed(steps[6:], np.array(aside[6:]), 2.0)


def test_an_image_that_shows_nothing_is_told_and_moves_nothing(
    walk: Walk, true_walk: Array, follow: Follow, method: RgbdEgoMotion
) -> None:
    frames = [*walk[:6], nothing(walk[6]), *walk[7:12]]
    steps = follow(method, frames)
    assert states(steps) == ["ok"] * 6 + ["bad_input"] + ["ok"] * 5
    assert steps[6].reason
    assert np.linalg.norm(steps[6].T_before_camera[:3, 3]) < 0.05
    assert_followed(steps[7:], true_walk[7:12], 2.0)


def test_frozen_images_are_told_and_the_walk_goes_on(
    walk: Walk, true_walk: Array, follow: Follow, method: RgbdEgoMotion
) -> None:
    frames = [*walk[:5], walk[4], walk[4], *walk[5:10]]
    steps = follow(method, frames)
    assert states(steps) == ["ok"] * 5 + ["frozen"] * 2 + ["ok"] * 5
    for step in steps[5:7]:
        np.testing.assert_allclose(step.T_odom_camera, steps[4].T_odom_camera)
    assert_followed(steps[7:], true_walk[5:10], 2.0)


@pytest.mark.parametrize("first", [black, blind, nothing])
def test_the_first_frame_may_be_bad(
    walk: Walk, follow: Follow, method: RgbdEgoMotion, first: Callable[[CameraFrame], CameraFrame]
) -> None:
    steps = follow(method, [first(walk[0]), first(walk[1]), *walk[2:10]])
    assert set(states(steps[3:])) == {"ok"}
    assert len(method.optimised()) == 10
    relative = [se3.inverse(steps[3].T_odom_camera) @ step.T_odom_camera for step in steps[3:]]
    assert worst(relative, true_poses(range(3, 10)))[0] < 2.0 * FEW_MM
    of_map = method.optimised()
    assert worst([se3.inverse(of_map[3]) @ T for T in of_map[3:]], true_poses(range(3, 10)))[0] < 2.0 * FEW_MM


def test_nothing_but_bad_frames_has_poses_all_the_same(walk: Walk, follow: Follow, method: RgbdEgoMotion) -> None:
    steps = follow(method, [nothing(walk[0]), nothing(walk[1])])
    assert "ok" not in states(steps)
    np.testing.assert_array_equal(method.optimised(), [np.eye(4)] * 2)


def test_a_frame_without_depth_image_and_an_old_stamp_are_errors(
    walk: Walk, follow: Follow, method: RgbdEgoMotion
) -> None:
    with pytest.raises(ValueError, match="there is no depth with the image: it takes the method `mono`"):
        method.process(replace(walk[0], depth=None), 0)
    follow(method, walk[:3])
    with pytest.raises(ValueError, match="a frame of stamp 200000000 ns came after one of 200000000 ns"):
        method.process(walk[3], 200_000_000)


def test_depth_in_the_wrong_unit_is_not_followed_silently(walk: Walk, follow: Follow, method: RgbdEgoMotion) -> None:
    """Millimetres for metres in the middle of a walk."""
    wrong = [replace(frame, depth=None if frame.depth is None else 1000.0 * frame.depth) for frame in walk[6:9]]
    steps = follow(method, [*walk[:6], *wrong, *walk[9:12]])
    assert max(np.linalg.norm(step.T_before_camera[:3, 3]) for step in steps) < JUMP
    assert steps[-1].state == "ok"


# A map of before.


def test_in_a_known_map_it_is_found_and_its_map_is_extended(
    walk: Walk, view: View, follow: Follow, method: RgbdEgoMotion
) -> None:
    follow(method, walk)
    known = len(method.map)
    later = RgbdEgoMotion(EgoMotionParameters(), method.map)
    steps = follow(later, [view(walk_pose(k), 60 + k) for k in range(12, 24)])
    assert set(states(steps)) == {"ok"}
    np.testing.assert_allclose(steps[0].T_odom_camera, np.eye(4), atol=1e-12)
    assert steps[0].corrected == "found again"
    true = np.array([se3.inverse(walk_pose(0)) @ walk_pose(k) for k in range(12, 24)])
    assert worst([step.T_map_camera for step in steps], true)[0] < 2.0 * FEW_MM
    assert worst(later.optimised(), true)[0] < 2.0 * FEW_MM
    assert len(later.map) <= known + 1


def test_outside_of_a_known_map_it_is_lost_until_it_comes_to_it(
    walk: Walk, view: View, follow: Follow, method: RgbdEgoMotion
) -> None:
    follow(method, walk)
    later = RgbdEgoMotion(EgoMotionParameters(), method.map)
    steps = follow(later, [*(view(walk_pose(k), k, room=1) for k in range(3)), *walk[4:8]])
    assert states(steps) == ["lost"] * 3 + ["ok"] * 4
    assert len(later.optimised()) == 7
    assert se3.distance(steps[-1].T_map_camera, true_poses([0, 7])[-1])[0] < 2.0 * FEW_MM


def test_what_is_reset_begins_anew(walk: Walk, follow: Follow, method: RgbdEgoMotion) -> None:
    first = follow(method, walk[:20])
    method.reset()
    assert len(method.optimised()) == 0
    again = follow(method, walk[:20])
    for one, other in zip(first, again, strict=True):
        np.testing.assert_allclose(one.T_map_camera, other.T_map_camera, atol=1e-9)
        np.testing.assert_allclose(one.covariance, other.covariance, atol=1e-9)


def test_inputs_are_not_changed(walk: Walk, follow: Follow, method: RgbdEgoMotion) -> None:
    before = [(frame.colour.copy(), np.copy(frame.depth) if frame.depth is not None else None) for frame in walk[:4]]
    follow(method, walk[:4])
    for frame, (colour, depth) in zip(walk, before, strict=False):
        np.testing.assert_array_equal(frame.colour, colour)
        np.testing.assert_array_equal(frame.depth, depth)
