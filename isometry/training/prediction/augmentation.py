"""Augmentation of scenes: scale, drift of the odometry, hidden agents, and the errors and gaps of a tracker.

Scenes are neither turned nor mirrored: the network is equivariant to both.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isometry.arrays import Array
from isometry.geometry.planar import rotations
from isometry.tracking.prediction.predictor import HISTORY, fitted_velocities, known_velocities
from isometry.tracking.types import PATH_STEP_S
from isometry.training.prediction.recipe import PredictionTrainingParameters
from isometry.training.prediction.scenes import MOMENTS, Scenes

Batch = dict[str, Tensor]

CORRELATION = 0.9  # of the errors of successive positions, in half of the scenes; the others have white noise
LAGGING = 8  # positions whose fitted velocity stands for that of a tracker's filter
ROUGH_MPS = 0.7  # standard deviation of a tracker's velocity after a short history
DRIFT_S = 2.0  # time constant of the odometry's error


def augmented(scenes: Scenes, parameters: PredictionTrainingParameters, random: np.random.Generator) -> Batch:
    """Scenes with histories as a tracker has them: noisy, with gaps, some of them short."""
    positions = scenes.positions.astype(np.float64)
    count, agents = positions.shape[:2]
    positions *= 1.0 + parameters.scale * random.uniform(-1.0, 1.0, (count, 1, 1, 1))
    positions[random.random((count, agents)) < parameters.unseen * random.random((count, 1))] = np.nan
    positions = drifted(positions, parameters, random)
    history, future = positions[:, :, :HISTORY].copy(), positions[:, :, HISTORY:]
    sigma = parameters.most_noise_m * np.square(random.random((count, agents, 1, 1)))
    correlation = np.where(random.random((count, 1, 1)) < 0.5, 0.0, CORRELATION)
    history += sigma * _errors(correlation, history.shape, random)
    dropped = random.random(history.shape[:3]) < parameters.dropped * random.random((count, agents, 1))
    begins = np.where(
        random.random((count, agents)) < parameters.short, random.integers(0, HISTORY, (count, agents)), 0
    )
    dropped |= np.arange(HISTORY) < begins[..., None]
    dropped[..., -1] = False
    history[dropped] = np.nan
    return batch_of(history, future, _tracker_velocities(positions, history, random), scenes.kinds)


def drifted(positions: Array, parameters: PredictionTrainingParameters, random: np.random.Generator) -> Array:
    """Scenes (S,A,51,2) in the frame of an odometry with errors of velocity and yaw rate; all agents drift alike."""
    count = len(positions)
    correlation = np.full((count, 1, 1), np.exp(-PATH_STEP_S / DRIFT_S))
    deviation = np.array([parameters.drift_mps, parameters.drift_mps, parameters.drift_rad_s])
    deviation = deviation * random.random((count, 1, 1, 1))
    rates = deviation[:, 0] * _errors(correlation, (count, 1, MOMENTS, 3), random)[:, 0]
    off = np.cumsum(rates, axis=1) * PATH_STEP_S
    off -= off[:, HISTORY - 1 : HISTORY]
    centre = random.uniform(-40.0, 40.0, (count, 1, 1, 2))  # position of the vehicle with that odometry
    turned = np.einsum("skij,sakj->saki", rotations(off[..., 2]), positions - centre)
    return np.asarray(turned + centre + off[:, None, :, :2])


def batch_of(history: Array, future: Array, velocities: Array, kinds: NDArray[np.float32]) -> Batch:
    """Tensors of histories (S,A,21,2), futures (S,A,30,2), NaN: unknown, velocities (S,A,2), kinds (S,A,3)."""
    seen = np.isfinite(history[..., 0])
    flat = history.reshape(-1, HISTORY, 2)
    velocity = known_velocities(flat, velocities.reshape(-1, 2)).reshape(*history.shape[:2], 2)
    present = seen[..., -1] & np.isfinite(velocity[..., 0])
    known = np.isfinite(future[..., 0]) & present[..., None]
    arrays = {
        "history": np.where(seen[..., None], history, 0.0),
        "seen": seen & present[..., None],
        "velocity": np.where(present[..., None], velocity, 0.0),
        "kind": kinds,
        "future": np.where(known[..., None], future, 0.0),
        "known": known,
    }
    return {name: torch.from_numpy(np.asarray(array, np.float32)) for name, array in arrays.items()}


def _tracker_velocities(positions: Array, history: Array, random: np.random.Generator) -> Array:
    """Velocities (S,A,2) as a tracker has them: NaN for half of the agents, to be fitted to their histories.

    Those of a long history lag behind, as those of a filter do; those of a short one are the true ones with noise.
    """
    count, agents = history.shape[:2]
    lagging, _ = fitted_velocities(history[:, :, -LAGGING:].reshape(-1, LAGGING, 2))
    true = (positions[:, :, HISTORY - 1] - positions[:, :, HISTORY - 3]) / (2.0 * PATH_STEP_S)
    rough = true + random.normal(0.0, ROUGH_MPS, true.shape)
    long = np.isfinite(history[:, :, -LAGGING:, 0]).sum(axis=2) >= LAGGING // 2
    velocities = np.where(long[..., None], lagging.reshape(count, agents, 2), rough)
    velocities[random.random((count, agents)) < 0.5] = np.nan
    return velocities


def _errors(correlation: Array, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Normal errors (S,A,T,D) of unit variance, each with this correlation (S,1,1) to the one before."""
    fresh = random.normal(size=shape)
    errors = fresh.copy()
    for k in range(1, shape[2]):
        errors[:, :, k] = correlation * errors[:, :, k - 1] + np.sqrt(1.0 - correlation**2) * fresh[:, :, k]
    return errors
