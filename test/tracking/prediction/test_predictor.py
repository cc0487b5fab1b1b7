"""Predicted paths: simple motion models in closed form, the network's symmetry on the file, bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry.planar import rotations
from isometry.inference import ModelMismatchError
from isometry.tracking.prediction.predictor import AHEAD_S, HISTORY, MotionPredictor
from isometry.tracking.types import PATH_STEP_S, PATH_STEPS

AGO_S: Array = PATH_STEP_S * np.arange(1.0 - HISTORY, 1.0)
NAMES = ("default", "motion_prediction", "constant_velocity", "constant_turn")


def _straight(count: int, seed: int = 0) -> tuple[Array, Array]:
    """Histories (A,21,2) of objects that keep their velocities (A,2)."""
    random = np.random.default_rng(seed)
    velocities = random.normal(0.0, 6.0, (count, 2))
    return random.uniform(-30.0, 30.0, (count, 1, 2)) + AGO_S[:, None] * velocities[:, None], velocities


def test_constant_velocity_goes_straight_on() -> None:
    histories, velocities = _straight(5)
    paths, _ = MotionPredictor.load(name="constant_velocity").predict(histories, None, ["car"] * 5)
    np.testing.assert_allclose(paths, histories[:, -1:] + AHEAD_S[:, None] * velocities[:, None], atol=1e-9)


@pytest.mark.parametrize("rate", [0.4, -0.25])
def test_constant_turn_goes_on_around_its_circle(rate: float) -> None:
    speed = 8.0

    def circle(times: NDArray[np.floating[Any]]) -> Array:
        return speed / rate * np.stack([np.sin(rate * times), 1.0 - np.cos(rate * times)], axis=-1)

    heading = np.array([[speed * 1.0, 0.0]])
    paths, _ = MotionPredictor.load(name="constant_turn").predict(circle(AGO_S)[None], heading, ["car"])
    straight, _ = MotionPredictor.load(name="constant_velocity").predict(circle(AGO_S)[None], heading, ["car"])
    truth = circle(AHEAD_S)
    assert np.linalg.norm(paths[0] - truth, axis=1).max() < 0.02 * np.linalg.norm(straight[0] - truth, axis=1).max()


def test_constant_turn_of_a_straight_or_stationary_history_is_no_turn() -> None:
    histories, velocities = _straight(4)
    histories[0] = histories[0, -1]
    paths, _ = MotionPredictor.load(name="constant_turn").predict(histories, None, ["car"] * 4)
    velocities[0] = 0.0
    np.testing.assert_allclose(paths, histories[:, -1:] + AHEAD_S[:, None] * velocities[:, None], atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_paths_turn_with_the_scene_far_from_the_origin(name: str) -> None:
    predictor = MotionPredictor.load(name=name)
    histories, velocities = _straight(9)
    histories += np.random.default_rng(1).normal(0.0, 0.1, histories.shape)
    histories[2, :9] = np.nan
    turn, move = rotations(np.array(1.234)), np.array([5e3, -2e3])
    labels = ["car", "Pedestrian", "Cyclist", "unknown", "van", "car", "car", "truck", "misc"]
    paths, covariances = predictor.predict(histories, velocities, labels)
    there, covariances_there = predictor.predict(histories @ turn.T + move, velocities @ turn.T, labels)
    np.testing.assert_allclose(there, paths @ turn.T + move, atol=1e-3)
    np.testing.assert_allclose(covariances_there, turn @ covariances @ turn.T, atol=1e-3 * np.abs(covariances).max())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [0, 1, 500])
def test_any_number_of_objects(name: str, count: int) -> None:
    histories, velocities = _straight(count)
    paths, covariances = MotionPredictor.load(name=name).predict(histories, velocities, ["car"] * count)
    assert paths.shape == (count, PATH_STEPS, 2)
    assert covariances.shape == (count, PATH_STEPS, 2, 2)
    assert np.isfinite(paths).all()
    np.testing.assert_allclose(covariances, np.swapaxes(covariances, -1, -2), atol=1e-4)
    assert (np.linalg.eigvalsh(covariances) > 0.0).all()


@pytest.mark.parametrize("name", NAMES)
def test_an_object_seen_once_is_stationary_or_has_the_velocity_of_its_tracker(name: str) -> None:
    predictor = MotionPredictor.load(name=name)
    once = np.array([[[4.0, 3.0]]])
    stationary, _ = predictor.predict(once, None, ["car"])
    assert np.linalg.norm(stationary - [4.0, 3.0], axis=-1).max() < 1.0
    driving, _ = predictor.predict(once, np.array([[8.0, 0.0]]), ["car"])
    assert 10.0 < driving[0, -1, 0] - 4.0 < 30.0


@pytest.mark.parametrize("name", NAMES)
def test_uncertainty_grows_with_time(name: str) -> None:
    histories, _ = _straight(6)
    _, covariances = MotionPredictor.load(name=name).predict(histories, None, ["car"] * 6)
    area = np.linalg.det(covariances)
    assert (area[:, -1] > 10.0 * area[:, 0]).all()


def test_longer_histories_and_what_was_given_are_left_as_they_are() -> None:
    histories, velocities = _straight(3)
    longer = np.concatenate([np.full((3, 8, 2), 1e3), histories], axis=1)
    kept = longer.copy()
    predictor = MotionPredictor.load(name="default")
    paths, _ = predictor.predict(longer, velocities, ["car"] * 3)
    np.testing.assert_array_equal(longer, kept)
    np.testing.assert_array_equal(paths, predictor.predict(histories, velocities, ["car"] * 3)[0])


def test_bad_input_is_named() -> None:
    predictor = MotionPredictor.load(name="constant_velocity")
    histories, velocities = _straight(3)
    lost = histories.copy()
    lost[1, -1, 0] = np.nan
    with pytest.raises(ValueError, match="object 1 has no position now"):
        predictor.predict(lost, None, ["car"] * 3)
    with pytest.raises(ValueError, match="for 2 labels"):
        predictor.predict(histories, None, ["car"] * 2)
    with pytest.raises(ValueError, match="velocities of shape"):
        predictor.predict(histories, velocities[:2], ["car"] * 3)
    with pytest.raises(ValueError, match="no motion predictor 'straight'"):
        MotionPredictor.load(name="straight")
    with pytest.raises(ModelMismatchError, match="no such model file"):
        MotionPredictor.load(Path("nothing.onnx"))


def test_a_network_of_another_task_is_refused(repository: Path) -> None:
    with pytest.raises(ModelMismatchError, match="motion_prediction"):
        MotionPredictor.load(repository / "models" / "weights" / "place_recognition.onnx")
