"""Paths of tracked objects: a learned network, and the two simple motion models that it is measured against.

    positions of the last two seconds -> velocity by least squares -> constant velocity, or constant turn
                                                                   -> network: a correction of constant velocity
All of it is equivariant to turns and shifts of the frame of the positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry.planar import rotations
from isometry.inference import WEIGHTS, Model, ModelMismatchError
from isometry.tracking.types import PATH_STEP_S, PATH_STEPS

TASK = "motion_prediction"
CLASSES = ("car", "cyclist", "pedestrian")
ALIASES = {"van": "car", "truck": "car", "bus": "car", "tram": "car", "person": "pedestrian"}
HISTORY = 21  # positions that are used, `PATH_STEP_S` apart, the last of them now
FIT = 3  # of them, to which a line is fitted: the latest labels predict best
STRAIGHT_MPS = 1.5  # below about this speed, noise hides a turn
MOST_TURN = 1.0  # radians a second
AHEAD_S = PATH_STEP_S * np.arange(1, PATH_STEPS + 1)
# Standard deviations along and across the path: metres at once, metres a second, and metres a second squared / 2
PATH_DEVIATIONS = np.array([[0.10, 0.30, 0.35], [0.10, 0.15, 0.15]])


class MotionModel(Protocol):
    """Paths (A,30,2) and covariances (A,30,2,2) from histories (A,21,2), velocities (A,2) and labels (A)."""

    def __call__(self, histories: Array, velocities: Array, labels: Sequence[str]) -> tuple[Array, Array]:
        """Histories end now with a position that is known; velocities are known."""
        ...


class MotionPredictor:
    """Predicts all objects of a moment at once."""

    def __init__(self, model: MotionModel, name: str, sha256: str = "", provider: str = "") -> None:
        """`sha256` is that of a network's file, `provider` the execution provider that runs it."""
        self._motion_model, self.name, self.sha256, self.provider = model, name, sha256, provider

    @classmethod
    def load(cls, path: Path | None = None, name: str = "default") -> MotionPredictor:
        """`name`: motion_prediction (the default), constant_velocity or constant_turn; `path`: another network's file.

        Raises ValueError for another name and ModelMismatchError for a file that is none of this task.
        """
        if path is None and name in MOTION_MODELS:
            return cls(MOTION_MODELS[name], name)
        if name not in ("default", TASK):
            raise ValueError(f"no motion predictor {name!r}, only {', '.join((TASK, *MOTION_MODELS))}")
        network = MotionNetwork(path or WEIGHTS / f"{TASK}.onnx")
        return cls(network, network.model.name, network.model.sha256, network.model.provider)

    def predict(self, histories: Array, velocities: Array | None, labels: Sequence[str]) -> tuple[Array, Array]:
        """Positions (A,30,2) from 0.1 s to 3 s ahead, and their covariances (A,30,2,2), in the frame of the histories.

        `histories` (A,H,2) metres, `PATH_STEP_S` apart, oldest first, the last one now; NaN where an object was not
        known; those older than two seconds are ignored. `velocities` (A,2) metres a second of a tracker; where they
        are None or NaN, they are fitted to the last positions; with a single position they are zero. Raises ValueError
        for other shapes, and naming the first object whose position now is not finite.
        """
        histories, velocities = _checked(histories, velocities, labels)
        if len(histories) == 0:
            return np.zeros((0, PATH_STEPS, 2)), np.zeros((0, PATH_STEPS, 2, 2))
        middle = histories[:, -1].mean(axis=0)  # so that no accuracy is lost far from the frame's origin
        near = histories - middle
        paths, covariances = self._motion_model(near, known_velocities(near, velocities), labels)
        return paths + middle, covariances


class MotionNetwork:
    """The exported network."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Raises ModelMismatchError naming the file and what is wrong with it."""
        self.model = Model(path, TASK, threads)
        constants = self.model.constants()
        expected = {"history": HISTORY, "step_s": PATH_STEP_S, "steps": PATH_STEPS, "kinds": list(CLASSES), "fit": FIT}
        for name, value in expected.items():
            if constants.get(name) != value:
                raise ModelMismatchError(f"{path}: made for {name} {constants.get(name)}, not {value}")

    def __call__(self, histories: Array, velocities: Array, labels: Sequence[str]) -> tuple[Array, Array]:
        """As `MotionModel` says."""
        paths, covariances = self.model.run(network_inputs(histories, velocities, labels))
        return paths.astype(np.float64), covariances.astype(np.float64)


def constant_velocity(histories: Array, velocities: Array, labels: Sequence[str]) -> tuple[Array, Array]:
    """Constant velocity; see `MotionModel`."""
    paths = histories[:, -1:] + AHEAD_S[:, None] * velocities[:, None]
    return paths, _path_covariances(velocities, np.zeros(len(velocities)))


def constant_turn(histories: Array, velocities: Array, labels: Sequence[str]) -> tuple[Array, Array]:
    """A circle at constant speed, whose yaw rate is that of the history; see `MotionModel`."""
    rate = fitted_yaw_rates(histories, velocities)
    safe = np.where(np.abs(rate) < 1e-6, 1e-6, rate)[:, None]
    angle = safe * AHEAD_S
    along, across = np.sin(angle) / safe, (1.0 - np.cos(angle)) / safe
    left = np.stack([-velocities[:, 1], velocities[:, 0]], axis=1)
    paths = histories[:, -1:] + along[..., None] * velocities[:, None] + across[..., None] * left[:, None]
    return paths, _path_covariances(velocities, rate)


MOTION_MODELS: dict[str, MotionModel] = {"constant_velocity": constant_velocity, "constant_turn": constant_turn}


def known_velocities(histories: Array, velocities: Array) -> Array:
    """Velocities (A,2) that are given; where they are NaN, those of lines through the end of histories (A,21,2)."""
    slope, enough = fitted_velocities(histories[:, -FIT:])
    return np.where(known(velocities)[:, None], velocities, np.where(enough[:, None], slope, 0.0))


def fitted_yaw_rates(histories: Array, velocities: Array) -> Array:
    """Yaw rates (A,) in radians a second: the angle between the velocities of both halves of the history, by time."""
    half = HISTORY // 2
    before, known_before = fitted_velocities(histories[:, : half + 1])
    after, known_after = fitted_velocities(histories[:, half:])
    turned = np.arctan2(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0], (before * after).sum(axis=1))
    slowest = np.minimum(np.linalg.norm(before, axis=1), np.linalg.norm(after, axis=1))
    trust = slowest**4 / (slowest**4 + STRAIGHT_MPS**4)
    rate = np.clip(turned / (half * PATH_STEP_S), -MOST_TURN, MOST_TURN)
    return np.where(known_before & known_after, trust * rate, 0.0)


def motion_class(label: str) -> str:
    """The class whose motion a label follows; empty for an unknown label."""
    name = ALIASES.get(label.lower(), label.lower())
    return name if name in CLASSES else ""


def network_inputs(histories: Array, velocities: Array, labels: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Inputs of the network, by name."""
    seen = known(histories)
    one_hot = [[motion_class(label) == each for each in CLASSES] for label in labels]
    return {
        "history": np.asarray(np.where(seen[..., None], histories, 0.0), np.float32),
        "seen": seen.astype(np.float32),
        "velocity": velocities.astype(np.float32),
        "kind": np.array(one_hot, np.float32).reshape(-1, len(CLASSES)),
    }


def known(positions: Array) -> NDArray[np.bool_]:
    """Which of some positions (...,2) are known (...)."""
    return np.asarray(np.isfinite(positions).all(axis=-1))


def fitted_velocities(positions: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Slopes (A,2), metres a second, of lines fitted to positions (A,M,2), and whether more than one is known (A,)."""
    seen = known(positions)
    times = PATH_STEP_S * np.arange(positions.shape[1])
    count = np.maximum(seen.sum(axis=1), 1)
    centred = np.where(seen, times - (seen @ times / count)[:, None], 0.0)
    power = np.square(centred).sum(axis=1)
    slope = np.einsum("am,amx->ax", centred, np.where(seen[..., None], positions, 0.0))
    return slope / np.maximum(power, 1e-9)[:, None], seen.sum(axis=1) > 1


def _path_covariances(velocities: Array, rates: Array) -> Array:
    """Covariances (A,30,2,2), elongated along the path, isotropic for stationary objects."""
    long, wide = PATH_DEVIATIONS @ np.stack([np.ones(PATH_STEPS), AHEAD_S, np.square(AHEAD_S)])
    speed = np.linalg.norm(velocities, axis=1)
    moving = speed**2 / (speed**2 + 1.0)
    heading = np.arctan2(velocities[:, 1], velocities[:, 0])[:, None] + rates[:, None] * AHEAD_S
    turn = rotations(heading)
    long = wide + (long - wide) * moving[:, None]
    diagonal = np.square(np.stack([long, np.broadcast_to(wide, long.shape)], axis=-1))
    return np.asarray(np.einsum("akij,akj,aklj->akil", turn, diagonal, turn))


def _checked(histories: Array, velocities: Array | None, labels: Sequence[str]) -> tuple[Array, Array]:
    """Histories (A,21,2), filled up with NaN, and velocities (A,2)."""
    histories = np.asarray(histories, np.float64)
    count = len(labels)
    if histories.size == 0 and count == 0:
        return np.zeros((0, HISTORY, 2)), np.zeros((0, 2))
    if histories.ndim != 3 or histories.shape[0] != count or histories.shape[1] == 0 or histories.shape[2] != 2:
        raise ValueError(f"histories of shape {histories.shape} for {count} labels: they must be (labels, moments, 2)")
    given = np.full((count, 2), np.nan) if velocities is None else np.asarray(velocities, np.float64)
    if given.shape != (count, 2):
        raise ValueError(f"velocities of shape {given.shape} for {count} labels: they must be (labels, 2)")
    lost = ~known(histories[:, -1])
    if lost.any():
        raise ValueError(f"object {int(lost.argmax())} has no position now: its history must end with one")
    filled = np.full((count, HISTORY, 2), np.nan)
    kept = min(HISTORY, histories.shape[1])
    filled[:, -kept:] = histories[:, -kept:]
    filled[~known(filled)] = np.nan
    return filled, given
