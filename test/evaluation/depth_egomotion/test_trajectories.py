"""Errors of paths, against evo, closed forms, and KITTI's way of counting."""

from __future__ import annotations

import numpy as np
import pytest
from evo.core.metrics import RPE, PoseRelation, Unit  # type: ignore[import-untyped]
from evo.core.trajectory import PosePath3D  # type: ignore[import-untyped]
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.evaluation.depth_egomotion import trajectories
from isometry.evaluation.depth_egomotion.trivial import predictions
from isometry.geometry import se3


def noisy(poses: Array, seed: int = 0, metres: float = 0.02, radians: float = 0.01) -> Array:
    random = np.random.default_rng(seed)
    turns = Rotation.from_rotvec(random.normal(0.0, radians, (len(poses), 3))).as_matrix()
    places = random.normal(0.0, metres, (len(poses), 3))
    off = np.array([se3.from_rotation_translation(*pair) for pair in zip(turns, places, strict=True)])
    return np.asarray(poses @ off)


def walked() -> Array:
    angles = np.linspace(0.0, 5.0, 80)
    turns = Rotation.from_euler("y", angles[:, None]).as_matrix()
    places = np.column_stack([-np.cos(angles), 0.1 * angles, np.sin(angles)])
    return np.array([se3.from_rotation_translation(*pair) for pair in zip(turns, places, strict=True)])


def test_a_path_in_another_frame_has_no_error() -> None:
    T_other_world = se3.from_rotation_translation(Rotation.from_rotvec([1.0, 0.2, -2.0]).as_matrix(), np.ones(3))
    errors = trajectories.path_errors(T_other_world @ walked(), walked(), (1.0, 2.0))
    assert errors.distances.max() < 1e-9
    assert np.abs(errors.steps).max() < 1e-9
    assert errors.parts.max() < 1e-5


def test_errors_of_steps_are_those_of_evo() -> None:
    poses = walked()
    estimated = noisy(poses)
    steps = trajectories.path_errors(estimated, poses, (1.0,)).steps
    for relation, found in (
        (PoseRelation.translation_part, np.linalg.norm(steps[:, :3], axis=1)),
        (PoseRelation.rotation_angle_rad, np.linalg.norm(steps[:, 3:], axis=1)),
    ):
        metric = RPE(relation, delta=1, delta_unit=Unit.frames)
        metric.process_data((PosePath3D(poses_se3=list(poses)), PosePath3D(poses_se3=list(estimated))))
        np.testing.assert_allclose(found, metric.error, atol=1e-8)


def test_an_error_of_a_step_is_along_the_axes_of_the_camera_after_it() -> None:
    poses = np.array([np.eye(4), se3.from_rotation_translation(Rotation.from_euler("y", 1.2).as_matrix(), np.ones(3))])
    off = se3.from_rotation_translation(Rotation.from_rotvec([0.0, 0.0, 0.01]).as_matrix(), np.array([0.03, 0.0, 0.0]))
    (error,) = trajectories.step_errors(np.array([poses[0], poses[1] @ off]), poses, np.array([1]))
    np.testing.assert_allclose(error, [0.03, 0.0, 0.0, 0.0, 0.0, 0.01], atol=1e-12)


def test_a_path_that_is_too_short_says_its_scale_and_keeps_its_error() -> None:
    poses = walked()
    shorter = poses.copy()
    shorter[:, :3, 3] *= 0.5
    assert trajectories.scale(shorter, poses) == pytest.approx(2.0)
    assert trajectories.distances(shorter, poses).mean() > 0.3
    straight = np.tile(np.eye(4), (10, 1, 1))
    straight[:, 2, 3] = np.arange(10.0)
    half = straight.copy()
    half[:, 2, 3] *= 0.5
    assert trajectories.scale(half, straight) == pytest.approx(2.0)
    assert trajectories.scale(straight[:1].repeat(5, axis=0), straight[:5]) is None


def test_a_camera_that_stands_can_be_compared() -> None:
    still = np.tile(np.eye(4), (5, 1, 1))
    moving = still.copy()
    moving[:, 0, 3] = [-2.0, -1.0, 0.0, 1.0, 2.0]
    np.testing.assert_allclose(trajectories.distances(still, moving), [2.0, 1.0, 0.0, 1.0, 2.0])


def test_parts_of_a_path_are_counted_as_in_kittis_development_kit() -> None:
    poses = np.tile(np.eye(4), (26, 1, 1))
    poses[:, 2, 3] = np.arange(26.0)
    longer = poses.copy()
    longer[:, 2, 3] *= 1.03
    parts = trajectories.part_errors(longer, poses, (10.0, 20.0))
    # a part of 10 m ends at the first frame beyond it, after 11 m; of 26 frames the first 15 start one, and 5 one of 20
    assert len(parts) == 15 + 5
    np.testing.assert_allclose(parts[:15, 0], 0.03 * 11.0 / 10.0)
    np.testing.assert_allclose(parts[15:, 0], 0.03 * 21.0 / 20.0)
    assert parts[:, 1].max() < 1e-5
    assert len(trajectories.part_errors(longer, poses, (100.0,))) == 0


def test_frames_without_a_true_pose_are_left_out() -> None:
    poses = walked()
    partly = poses.copy()
    partly[[0, 7]] = np.nan
    errors = trajectories.path_errors(noisy(poses), partly, (1.0,))
    assert len(errors.distances) == 78
    assert set(range(1, 80)) - set(errors.ends.tolist()) == {1, 7, 8}
    with pytest.raises(ValueError, match="1 of 3 frames have a true pose"):
        trajectories.path_errors(poses[:3], np.where(np.arange(3)[:, None, None] == 1, poses[:3], np.nan), (1.0,))


def test_predictors_that_do_not_look() -> None:
    speeds = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 3.0])
    poses = np.tile(np.eye(4), (8, 1, 1))
    poses[1:, 2, 3] = np.cumsum(speeds)
    found = predictions(poses, np.arange(8.0))
    np.testing.assert_allclose(found["standing"], np.tile(np.eye(4), (8, 1, 1)))
    for name in ("straight_on", "constant_velocity"):
        np.testing.assert_allclose(found[name][:, 2, 3], np.arange(8.0), atol=1e-12)
    turning = walked()
    kept = predictions(turning, np.arange(80.0))
    assert trajectories.distances(kept["constant_velocity"], turning).max() < 0.01
    assert np.abs(kept["straight_on"][:, :2]).max() == 1.0
