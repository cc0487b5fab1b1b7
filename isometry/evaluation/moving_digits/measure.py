"""Evaluation of networks that predict moving digits: errors over frames and velocities, and the time of a step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from isometry.arrays import Array
from isometry.datasets.moving_digits import SEEN, TASK, WIDEST, Images, Motion, MovingDigits
from isometry.inference import WEIGHTS, Model, ModelMismatchError
from isometry.inference.recurrent_step import RecurrentStep

PREDICTED = 60  # frames after the ten that were seen: to frame 70
LIKE_TRAINED = 10  # of these, as many as in training
TRAINED_UP_TO = 1  # cells, or turns of 10 degrees, a step
STEPS_TIMED = 400
Progress = Callable[[Iterable[int]], Iterable[int]]


class DigitsPredictor:
    """A network of a file, from the start of a sequence on."""

    def __init__(self, path: Path, motion: Motion) -> None:
        """Raises ModelMismatchError when the file is none of this kind or for another motion."""
        self.model = Model(path, TASK)
        if self.model.metadata.get("motion") != motion:
            raise ModelMismatchError(f"{path}: made for {self.model.metadata.get('motion')} digits, not {motion} ones")
        self.step = RecurrentStep(self.model.session, float(self.model.metadata["prior"]))

    def predict(self, images: Images, count: int) -> Images:
        """The `count` images that follow images (N,T,S,S): (N,count,S,S).

        A network that reads ahead predicts each of them from the last image; another one goes on from its own
        predictions.
        """
        state = self.step.start(len(images))
        for t in range(images.shape[1] - 1):
            _, state = self.step(images[:, t, None], state)
        image, following = images[:, -1, None], []
        for ahead in range(1, count + 1):
            predicted, new_state = self.step(image, state, ahead)
            if not self.step.reads_ahead:
                image, state = predicted, new_state
            following.append(predicted)
        return np.concatenate(following, axis=1)


def shipped(motion: Motion, network: str) -> Path:
    """The file of a network that comes with the package: flow or plain."""
    return WEIGHTS / "experiments" / f"moving_digits_{motion}{'' if network == 'flow' else '_' + network}.onnx"


def errors_by_frame(predictor: DigitsPredictor, sequences: Images, predicted: int = PREDICTED) -> Array:
    """Mean squared error of each predicted image (predicted,) of sequences (N,10+predicted,S,S)."""
    following = predictor.predict(sequences[:, :SEEN], predicted)
    squared: Array = np.square(following - sequences[:, SEEN:], dtype=np.float64)
    return np.asarray(squared.mean(axis=(0, 2, 3)))


def evaluate(
    motion: Motion, predictors: Mapping[str, DigitsPredictor], sequences: int, seed: int, progress: Progress
) -> dict[str, Any]:
    """Figures of each predictor by name: errors over frames at each range of velocities, on digits for tests."""
    figures: dict[str, Any] = {name: {"by_velocity": {}} for name in predictors}
    for fastest in progress(range(1, WIDEST[motion] + 1)):
        data = MovingDigits(motion, fastest, training=False)
        drawn = data.sequences(np.random.default_rng([seed, fastest]), sequences, SEEN + PREDICTED)
        for name, predictor in predictors.items():
            errors = errors_by_frame(predictor, drawn)
            figures[name]["by_velocity"][str(fastest)] = {
                "error_11_to_20": float(errors[:LIKE_TRAINED].mean()),
                "error_21_to_70": float(errors[LIKE_TRAINED:].mean()),
                "by_frame": [float(f"{error:.4g}") for error in errors],
            }
    for name, predictor in predictors.items():
        seen, widest = (figures[name]["by_velocity"][str(k)] for k in (TRAINED_UP_TO, WIDEST[motion]))
        memory = predictor.step.shapes["memory"]
        figures[name] |= {
            "error_seen_velocities": seen["error_11_to_20"],
            "error_widest_velocities": widest["error_11_to_20"],
            "growth_with_length": seen["error_21_to_70"] / seen["error_11_to_20"],
            "hidden_channels": memory[1],
            "state_values": int(np.prod(memory[1:])),
            "sha256": predictor.model.sha256,
        }
    return figures


def step_microseconds(steps: Mapping[str, RecurrentStep], size: int, repeats: int = STEPS_TIMED) -> dict[str, float]:
    """Median time of a step of one sequence, the networks taking turns so that all meet the same machine."""
    image = np.random.default_rng(0).random((1, 1, size, size), dtype=np.float32)
    states = {name: step.start() for name, step in steps.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(repeats):
        for name, step in steps.items():
            began = time.perf_counter()
            step(image, states[name])
            times[name].append(time.perf_counter() - began)
    return {name: 1e6 * float(np.median(taken)) for name, taken in times.items()}
