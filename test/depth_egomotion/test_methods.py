"""Methods by name; all of them keep the promises of their common interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from isometry.depth_egomotion.depth_model import DepthModel
from isometry.depth_egomotion.methods import METHODS, build
from isometry.depth_egomotion.parameters import EgoMotionParameters
from isometry.depth_egomotion.types import STATES, CameraFrame, EgoMotionStep
from isometry.sensing.cameras import Camera
from isometry.simulation.painted_room import CAMERA

Follow = Callable[..., list[EgoMotionStep]]
PARAMETERS = EgoMotionParameters()


def test_another_name_is_an_error() -> None:
    with pytest.raises(ValueError, match="method 'slam': it must be one of rgbd, mono, gicp"):
        build("slam", PARAMETERS)


def test_a_depth_model_where_depth_is_measured_is_an_error() -> None:
    model = DepthModel.load()
    assert build("mono", PARAMETERS, model).name == "mono"
    with pytest.raises(ValueError, match="method 'rgbd' measures depth, and needs no depth model"):
        build("rgbd", PARAMETERS, model)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_its_name_and_does_what_all_do(name: str, walk: Sequence[CameraFrame], follow: Follow) -> None:
    method = build(name, PARAMETERS)
    assert method.name == name
    assert len(method.optimised()) == 0
    before = walk[1].colour.copy(), None if walk[1].depth is None else walk[1].depth.copy()
    steps = follow(method, walk[:6])
    assert len(method.optimised()) == 6
    np.testing.assert_array_equal(steps[0].T_odom_camera, np.eye(4))
    T = np.eye(4)
    for step in steps:
        assert step.state in STATES
        assert (step.state == "ok") == (not step.reason)
        assert np.linalg.eigvalsh(step.covariance).min() > -1e-12
        assert np.linalg.eigvalsh(step.motion_covariance).min() > -1e-12
        assert step.seconds > 0.0
        T = T @ step.T_before_camera
        np.testing.assert_allclose(T, step.T_odom_camera, atol=1e-9)
        np.testing.assert_allclose(step.T_map_camera, step.T_map_odom @ step.T_odom_camera)
    np.testing.assert_array_equal(walk[1].colour, before[0])
    assert before[1] is not None
    np.testing.assert_array_equal(walk[1].depth, before[1])
    method.reset()
    assert len(method.optimised()) == 0
    again = follow(method, walk[:6])
    for one, other in zip(steps, again, strict=True):
        np.testing.assert_allclose(one.T_odom_camera, other.T_odom_camera, atol=1e-9)


@pytest.mark.parametrize("name", METHODS)
def test_images_that_do_not_fit_and_old_stamps_are_errors_and_change_nothing(
    name: str, walk: Sequence[CameraFrame], follow: Follow
) -> None:
    method = build(name, PARAMETERS)
    follow(method, walk[:3])
    with pytest.raises(ValueError, match="a frame of stamp 200000000 ns came after one of 200000000 ns"):
        method.process(walk[3], 200_000_000)
    with pytest.raises(ValueError, match="the colour image is 320x240, and its camera is of 160x120"):
        method.process(replace(walk[3], camera=Camera(CAMERA.matrix, 160, 120)), 300_000_000)
    with pytest.raises(ValueError, match="the depth image, which should be registered to the colour, is 160x120"):
        method.process(replace(walk[3], depth=np.ones((120, 160))), 300_000_000)
    assert len(method.optimised()) == 3
    undisturbed = build(name, PARAMETERS)
    follow(undisturbed, walk[:3])
    after, expected = (follow(each, [walk[3]], first=3)[0] for each in (method, undisturbed))
    np.testing.assert_allclose(after.T_odom_camera, expected.T_odom_camera, atol=1e-9)


@pytest.mark.parametrize("name", METHODS)
def test_a_first_frame_in_which_nothing_can_be_seen_is_told_and_the_next_one_begins(
    name: str, walk: Sequence[CameraFrame], follow: Follow
) -> None:
    assert walk[0].depth is not None
    nothing = replace(walk[0], colour=np.zeros_like(walk[0].colour), depth=np.zeros_like(walk[0].depth))
    method = build(name, PARAMETERS)
    steps = follow(method, [nothing, *walk[1:4]])
    assert steps[0].state in ("bad_input", "lost")
    assert [step.state for step in steps[1:]] == ["ok"] * 3
    assert len(method.optimised()) == 4
    for T in method.optimised():
        assert np.isfinite(T).all()
