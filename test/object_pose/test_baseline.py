"""Poses of generated objects out of rendered images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.object_pose.baseline import RenderedViewsEstimator
from isometry.object_pose.mesh import ObjectMesh
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.types import ObjectPose, Observation, UnusableObservationError

Observe = Callable[[ObjectMesh, Array], Observation]
POSES = [
    se3.from_rotation_translation(Rotation.random(random_state=seed).as_matrix(), np.array([x, y, 0.7]))
    for seed, (x, y) in enumerate([(0.0, 0.0), (0.12, -0.08), (-0.15, 0.1)])
]


def errors(result: ObjectPose, T_true: Array) -> tuple[float, float]:
    """Degrees and metres."""
    assert result.T_camera_object is not None
    metres, radians = se3.distance(result.T_camera_object, T_true)
    return float(np.degrees(radians)), metres


@pytest.mark.parametrize("T_true", POSES)
def test_colours_decide_between_the_twins_of_a_box(
    estimator: RenderedViewsEstimator, printed_box: ObjectModel, observe: Observe, T_true: Array
) -> None:
    result = estimator.estimate(observe(printed_box.mesh, T_true), printed_box)
    degrees, metres = errors(result, T_true)
    assert degrees < 3.0
    assert metres < 0.004
    assert result.reason == "ok"
    assert result.modes[0].weight > 0.8
    assert result.modes[0].axis is None


@pytest.mark.parametrize("T_true", POSES)
def test_colours_give_the_turn_of_a_can(
    estimator: RenderedViewsEstimator, printed_can: ObjectModel, observe: Observe, T_true: Array
) -> None:
    degrees, metres = errors(estimator.estimate(observe(printed_can.mesh, T_true), printed_can), T_true)
    assert degrees < 4.0
    assert metres < 0.004


@pytest.mark.parametrize("T_true", POSES)
def test_without_colours_all_twins_of_a_box_are_modes(
    estimator: RenderedViewsEstimator, plain_box: ObjectModel, observe: Observe, T_true: Array
) -> None:
    result = estimator.estimate(observe(plain_box.mesh, T_true), plain_box)
    assert result.reason == "ambiguous"
    assert len(result.modes) <= 12
    assert sum(mode.weight for mode in result.modes) == pytest.approx(1.0)
    for turn in plain_box.symmetry.shape.turns:
        twin = T_true[:3, :3] @ turn
        apart = [Rotation.from_matrix(mode.T_camera_object[:3, :3] @ twin.T).magnitude() for mode in result.modes]
        assert np.degrees(min(apart)) < 5.0


def test_without_colours_the_axis_of_a_can_is_free(
    estimator: RenderedViewsEstimator, plain_can: ObjectModel, observe: Observe
) -> None:
    T_true = POSES[1]
    result = estimator.estimate(observe(plain_can.mesh, T_true), plain_can)
    assert result.T_camera_object is not None
    assert result.reason == "ambiguous"
    axis = result.modes[0].axis
    assert axis is not None
    shape = plain_can.symmetry.shape
    assert np.degrees(shape.angle(result.T_camera_object[:3, :3], T_true[:3, :3])) < 3.0
    # the covariance has a large variance about the axis, and about no other direction
    rotation = result.covariance[3:, 3:]
    about = result.T_camera_object[:3, :3] @ axis
    assert about @ rotation @ about > 1.0
    assert np.sort(np.linalg.eigvalsh(rotation))[1] < 0.01


@pytest.mark.parametrize("T_true", POSES)
def test_a_shape_without_symmetry_has_one_pose(
    estimator: RenderedViewsEstimator, plain_bracket: ObjectModel, observe: Observe, T_true: Array
) -> None:
    result = estimator.estimate(observe(plain_bracket.mesh, T_true), plain_bracket)
    degrees, metres = errors(result, T_true)
    assert degrees < 3.0
    assert metres < 0.004
    assert result.reason == "ok"
    assert result.confidence > 0.9


def test_a_part_that_is_hidden_does_not_matter(
    estimator: RenderedViewsEstimator, printed_box: ObjectModel, observe: Observe
) -> None:
    whole = observe(printed_box.mesh, POSES[0])
    columns = np.flatnonzero(whole.mask.any(axis=0))
    hidden = np.zeros_like(whole.mask)
    hidden[:, : columns[int(0.4 * len(columns))]] = True
    occluded = replace(whole, depth=np.where(hidden, 0.4, whole.depth), mask=whole.mask & ~hidden)
    degrees, metres = errors(estimator.estimate(occluded, printed_box), POSES[0])
    assert degrees < 5.0
    assert metres < 0.01


@pytest.mark.parametrize("degrees", [0.0, 20.0])
def test_two_equal_objects_that_touch_in_one_mask_are_no_pose(
    estimator: RenderedViewsEstimator, printed_box: ObjectModel, observe: Observe, degrees: float
) -> None:
    T_first = se3.from_rotation_translation(
        Rotation.from_euler("xz", [110.0, degrees], degrees=True).as_matrix(), np.array([0.02, 0.0, 0.7])
    )
    T_second = T_first @ se3.from_rotation_translation(np.eye(3), np.array([0.062, 0.0, 0.0]))
    first, second = (observe(printed_box.mesh, T) for T in (T_first, T_second))
    nearer = second.mask & (~first.mask | (second.depth < first.depth))
    both = replace(
        first,
        colour=np.where(nearer[..., None], second.colour, first.colour),
        depth=np.where(nearer, second.depth, first.depth),
        mask=first.mask | second.mask,
    )
    assert estimator.estimate(both, printed_box).reason == "several"
    assert estimator.estimate(first, printed_box).reason == "ok"


def test_the_pose_turns_with_the_camera(
    estimator: RenderedViewsEstimator, printed_box: ObjectModel, observe: Observe
) -> None:
    upright = observe(printed_box.mesh, POSES[1])
    quarter = np.array([[0.0, 1.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    camera = upright.camera.copy()
    camera[0, 2], camera[1, 2] = upright.camera[1, 2], upright.mask.shape[1] - 1 - upright.camera[0, 2]
    turned = Observation(np.rot90(upright.colour), np.rot90(upright.depth), np.rot90(upright.mask), camera)
    first, second = (estimator.estimate(each, printed_box).T_camera_object for each in (upright, turned))
    assert first is not None
    assert second is not None
    metres, radians = se3.distance(second, quarter @ first)
    assert np.degrees(radians) < 2.0
    assert metres < 0.003


def test_an_observation_without_depth_or_of_another_size_is_refused(
    estimator: RenderedViewsEstimator, printed_box: ObjectModel, observe: Observe
) -> None:
    seen = observe(printed_box.mesh, POSES[0])
    assert estimator.estimate(replace(seen, depth=np.zeros_like(seen.depth)), printed_box).reason == "no_depth"
    assert estimator.estimate(replace(seen, depth=np.full_like(seen.depth, np.nan)), printed_box).reason == "no_depth"
    assert estimator.estimate(replace(seen, mask=np.zeros_like(seen.mask)), printed_box).reason == "no_depth"
    in_millimetres = estimator.estimate(replace(seen, depth=1000.0 * seen.depth), printed_box)
    assert (in_millimetres.reason, in_millimetres.modes, in_millimetres.confidence) == ("other_size", (), 0.0)


def test_images_that_do_not_belong_together_are_refused(printed_box: ObjectModel, observe: Observe) -> None:
    seen = observe(printed_box.mesh, POSES[0])
    with pytest.raises(UnusableObservationError, match=r"images of different sizes: .*mask \(10, 10\)"):
        replace(seen, mask=np.zeros((10, 10), bool))
    with pytest.raises(UnusableObservationError, match=r"a mask of uint8: it must be of bool"):
        replace(seen, mask=seen.mask.astype(np.uint8))
    wrong: list[Any] = [seen.colour / 255.0, seen.colour[..., [0, 1, 2, 0]], seen.colour[..., 0]]
    for colour in wrong:
        with pytest.raises(UnusableObservationError, match=r"it must be \(H,W,3\) of uint8"):
            replace(seen, colour=colour)
    with pytest.raises(UnusableObservationError, match=r"the camera matrix must be 3x3"):
        replace(seen, camera=np.zeros((3, 3)))


def test_the_input_is_not_changed(
    estimator: RenderedViewsEstimator, printed_box: ObjectModel, observe: Observe
) -> None:
    seen = observe(printed_box.mesh, POSES[0])
    before = seen.colour.copy(), seen.depth.copy(), seen.mask.copy(), seen.camera.copy()
    estimator.estimate(seen, printed_box)
    for now, then in zip((seen.colour, seen.depth, seen.mask, seen.camera), before, strict=True):
        np.testing.assert_array_equal(now, then)
