"""Motion models: their predictions in closed form, and the choice of one for each object."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.geometry import planar
from isometry.tracking.tracks import motion_models
from isometry.tracking.tracks.motion_models import MODELS, STATE, TURN, VELOCITY, Motion, V, X

STEP_S, NOISE_M = 0.1, 0.05


def new_objects(position: Array, velocity: Array) -> Motion:
    covariance = np.repeat(25.0 * np.eye(2)[None], len(position), axis=0)
    return motion_models.initial_motion(position, np.full(len(position), NOISE_M**2), velocity, covariance, True)


def noisy(paths: Array) -> Array:
    return paths + np.random.default_rng(0).normal(scale=NOISE_M, size=paths.shape)


def followed(seen: Array) -> Motion:
    """Motion of N objects after detections (N,T,2)."""
    motion = new_objects(seen[:, 0], np.zeros((len(seen), 2)))
    noise = np.repeat(NOISE_M**2 * np.eye(2)[None], len(seen), axis=0)
    for now in range(1, seen.shape[1]):
        motion = motion_models.predicted(motion, STEP_S, np.full(len(seen), 1.0), np.full(len(seen), 0.5))
        motion = motion_models.corrected(motion, seen[:, now], noise, X, True)
    return motion


def test_each_model_predicts_its_closed_form() -> None:
    motion = new_objects(np.array([[1.0, 2.0]]), np.array([[6.0, -3.0]]))
    motion.mean[TURN, 0, 4] = 0.7
    after = motion_models.predicted(motion, 0.5, np.zeros(1), np.zeros(1))
    np.testing.assert_allclose(after.mean[VELOCITY, 0, :4], [4.0, 0.5, 6.0, -3.0])
    # a circle: the centre lies at right angles to the velocity, speed / rate away
    centre = np.array([1.0, 2.0]) + np.array([3.0, 6.0]) / 0.7
    turned = planar.rotations(np.asarray(0.35))
    np.testing.assert_allclose(after.mean[TURN, 0, X], centre + turned @ (np.array([1.0, 2.0]) - centre))
    np.testing.assert_allclose(after.mean[TURN, 0, V], turned @ [6.0, -3.0])


def test_jacobian_of_the_turn_is_its_derivative() -> None:
    state = np.array([[1.0, 2.0, 6.0, -3.0, 0.4]])
    h = 1e-6
    _, jacobian = motion_models._turned(state, 0.3)
    for k in range(STATE):
        ahead, behind = state.copy(), state.copy()
        ahead[0, k] += h
        behind[0, k] -= h
        slope = (motion_models._turned(ahead, 0.3)[0] - motion_models._turned(behind, 0.3)[0]) / (2.0 * h)
        np.testing.assert_allclose(jacobian[0, :, k], slope[0], atol=1e-7)


def test_the_model_that_made_its_path_is_chosen_for_each_object() -> None:
    t = STEP_S * np.arange(40)
    stationary = np.zeros((40, 2))
    straight = np.stack([8.0 * t, 2.0 * t], axis=1)
    circle = 10.0 * np.stack([np.sin(0.9 * t), 1.0 - np.cos(0.9 * t)], axis=1)
    motion = followed(noisy(np.stack([stationary, straight, circle])))
    assert [MODELS[k] for k in motion.chosen] == list(MODELS)
    mean, covariance = motion.best()
    np.testing.assert_allclose(mean[1, V], [8.0, 2.0], atol=0.3)
    np.testing.assert_allclose(np.hypot(*mean[2, V]), 9.0, atol=0.4)
    assert mean[2, 4] == pytest.approx(0.9, abs=0.15)
    assert (np.linalg.eigvalsh(covariance[:, :4, :4]) >= -1e-12).all()


def test_a_filter_of_constant_velocity_is_the_textbook_one() -> None:
    """An independent oracle: the Kalman filter of one object, with matrices written out."""
    rng = np.random.default_rng(3)
    seen = np.cumsum(rng.normal(size=(12, 2)), axis=0)
    motion = new_objects(seen[:1], np.zeros((1, 2)))
    x, P = np.array([*seen[0], 0.0, 0.0]), np.diag([NOISE_M**2, NOISE_M**2, 25.0, 25.0])
    F, G = np.eye(4) + STEP_S * np.eye(4, k=2), np.vstack([0.5 * STEP_S**2 * np.eye(2), STEP_S * np.eye(2)])
    H, R = np.eye(2, 4), NOISE_M**2 * np.eye(2)
    for now in seen[1:]:
        x, P = F @ x, F @ P @ F.T + 4.0 * G @ G.T
        K = P @ H.T @ np.linalg.inv(H @ P @ H.T + R)
        x, P = x + K @ (now - H @ x), (np.eye(4) - K @ H) @ P
        motion = motion_models.predicted(motion, STEP_S, np.full(1, 2.0), np.zeros(1))
        motion = motion_models.corrected(motion, now[None], R[None], X, True)
    np.testing.assert_allclose(motion.mean[VELOCITY, 0, :4], x, atol=1e-9)
    np.testing.assert_allclose(motion.covariance[VELOCITY, 0, :4, :4], P, atol=1e-9)


def test_turned_paths_give_turned_estimates() -> None:
    t = STEP_S * np.arange(30)
    paths = np.stack([np.stack([5.0 * t, np.sin(t)], axis=1), np.stack([t**2, 3.0 - t], axis=1)])
    R = planar.rotations(np.asarray(2.1))
    seen = noisy(paths)
    plain, turned = followed(seen), followed(seen @ R.T)
    np.testing.assert_allclose(turned.mean[:, :, X], plain.mean[:, :, X] @ R.T, atol=1e-9)
    np.testing.assert_allclose(turned.mean[:, :, V], plain.mean[:, :, V] @ R.T, atol=1e-9)
    np.testing.assert_allclose(turned.score, plain.score, atol=1e-7)


def test_no_object_is_stationary_in_a_frame_that_moves() -> None:
    motion = motion_models.initial_motion(np.zeros((1, 2)), np.ones(1), np.zeros((1, 2)), np.eye(2)[None], False)
    for _ in range(20):
        motion = motion_models.predicted(motion, STEP_S, np.ones(1), np.ones(1))
        motion = motion_models.corrected(motion, np.zeros((1, 2)), 0.01 * np.eye(2)[None], X, False)
    assert MODELS[motion.chosen[0]] == "constant_velocity"
