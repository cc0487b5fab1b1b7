"""The plain method: a camera is followed by its depth alone, and what is lost is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.depth_egomotion.baseline import GicpToKeyframe
from isometry.depth_egomotion.parameters import EgoMotionParameters
from isometry.depth_egomotion.types import CameraFrame, EgoMotionStep
from isometry.geometry import se3

Follow = Callable[..., list[EgoMotionStep]]


@pytest.fixture
def method() -> GicpToKeyframe:
    return GicpToKeyframe(EgoMotionParameters())


def test_a_walk_is_followed_without_colour(
    method: GicpToKeyframe, walk: Sequence[CameraFrame], true_walk: Array, follow: Follow
) -> None:
    steps = follow(method, [replace(frame, colour=np.zeros_like(frame.colour)) for frame in walk])
    assert {step.state for step in steps} == {"ok"}
    assert max(se3.distance(step.T_odom_camera, T)[0] for step, T in zip(steps, true_walk, strict=True)) < 0.02
    assert se3.distance(steps[-1].T_odom_camera, true_walk[-1])[1] < 0.01
    np.testing.assert_array_equal(method.optimised(), [step.T_odom_camera for step in steps])
    assert {step.corrected for step in steps} == {""}


def test_motions_add_up_to_the_pose(method: GicpToKeyframe, walk: Sequence[CameraFrame], follow: Follow) -> None:
    steps, T = follow(method, walk[:8]), np.eye(4)
    for step in steps:
        T = T @ step.T_before_camera
        np.testing.assert_allclose(T, step.T_odom_camera, atol=1e-9)


def test_without_readings_it_is_lost_and_goes_on_after_it(
    method: GicpToKeyframe, walk: Sequence[CameraFrame], true_walk: Array, follow: Follow
) -> None:
    assert walk[0].depth is not None
    blind = replace(walk[5], depth=np.zeros_like(walk[0].depth))
    steps = follow(method, [*walk[:5], blind, *walk[6:10]])
    assert [step.state for step in steps] == ["ok"] * 5 + ["lost"] + ["ok"] * 4
    assert steps[5].reason
    assert se3.distance(steps[-1].T_odom_camera, true_walk[9])[0] < 0.02


def test_the_first_frame_may_be_blind(method: GicpToKeyframe, walk: Sequence[CameraFrame], follow: Follow) -> None:
    assert walk[0].depth is not None
    steps = follow(method, [replace(walk[0], depth=np.zeros_like(walk[0].depth)), *walk[1:4]])
    assert [step.state for step in steps] == ["lost", "ok", "ok", "ok"]
    assert len(method.optimised()) == 4


def test_no_depth_and_a_frame_that_is_not_newer_are_errors_and_change_nothing(
    method: GicpToKeyframe, walk: Sequence[CameraFrame], follow: Follow
) -> None:
    follow(method, walk[:2])
    with pytest.raises(ValueError, match="there is no depth with the image: it takes the method `mono`"):
        method.process(replace(walk[2], depth=None), 900_000_000)
    for stamp_ns in (100_000_000, 5):
        with pytest.raises(ValueError, match=f"a frame of stamp {stamp_ns} ns came after one of 100000000 ns"):
            method.process(walk[2], stamp_ns)
    assert len(method.optimised()) == 2
    assert follow(method, [walk[2]], first=2)[0].state == "ok"


def test_it_starts_again(method: GicpToKeyframe, walk: Sequence[CameraFrame], follow: Follow) -> None:
    first = follow(method, walk[:3])
    method.reset()
    assert len(method.optimised()) == 0
    again = follow(method, walk[:3])
    for one, other in zip(first, again, strict=True):
        np.testing.assert_allclose(one.T_odom_camera, other.T_odom_camera)
