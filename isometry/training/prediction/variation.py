"""What makes one scene many: it is scaled, drifts, is seen in part, and as a tracker sees it.

It is neither turned nor mirrored: to the network, nothing would change.
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

RELATED = 0.9  # how much of a position's error the next one shares, in half of the scenes
LAGGING = 8  # positions that a tracker's velocity is about the mean of
GIVEN_MPS = 0.7  # standard deviation of the velocity that a tracker gives for a short history
DRIFT_S = 2.0  # for which an odometry that errs keeps to its error


def varied(scenes: Scenes, parameters: PredictionTrainingParameters, random: np.random.Generator) -> Batch:
    """Scenes with histories as a tracker has them: noisy, with gaps, some of them short."""
    positions = scenes.positions.astype(np.float64)
    count, agents = positions.shape[:2]
    positions *= 1.0 + parameters.scale * random.uniform(-1.0, 1.0, (count, 1, 1, 1))
    positions[random.random((count, agents)) < parameters.unseen * random.random((count, 1))] = np.nan
    positions = drifted(positions, parameters, random)
    history, future = positions[:, :, :HISTORY].copy(), positions[:, :, HISTORY:]
    sigma = parameters.most_noise_m * np.square(random.random((count, agents, 1, 1)))
    related = np.where(random.random((count, 1, 1)) < 0.5, 0.0, RELATED)
    history += sigma * _errors(related, history.shape, random)
    dropped = random.random(history.shape[:3]) < parameters.dropped * random.random((count, agents, 1))
    begins = np.where(
        random.random((count, agents)) < parameters.short, random.integers(0, HISTORY, (count, agents)), 0
    )
    dropped |= np.arange(HISTORY) < begins[..., None]
    dropped[..., -1] = False
    history[dropped] = np.nan
    return batch_of(history, future, _given(positions, history, random), scenes.kinds)


def drifted(positions: Array, parameters: PredictionTrainingParameters, random: np.random.Generator) -> Array:
    """Scenes (S,A,51,2) in the frame of an odometry that errs in velocity and yaw rate, the same for all agents."""
    count = len(positions)
    related = np.full((count, 1, 1), np.exp(-PATH_STEP_S / DRIFT_S))
    deviation = np.array([parameters.drift_mps, parameters.drift_mps, parameters.drift_rad_s])
    deviation = deviation * random.random((count, 1, 1, 1))
    rates = deviation[:, 0] * _errors(related, (count, 1, MOMENTS, 3), random)[:, 0]
    off = np.cumsum(rates, axis=1) * PATH_STEP_S
    off -= off[:, HISTORY - 1 : HISTORY]
    centre = random.uniform(-40.0, 40.0, (count, 1, 1, 2))  # where the vehicle is that the odometry is of
    turned = np.einsum("skij,sakj->saki", rotations(off[..., 2]), positions - centre)
    return np.asarray(turned + centre + off[:, None, :, :2])


def batch_of(history: Array, future: Array, given: Array, kinds: NDArray[np.float32]) -> Batch:
    """Tensors of histories (S,A,21,2), futures (S,A,30,2), NaN where not known, velocities (S,A,2), kinds (S,A,3)."""
    seen = np.isfinite(history[..., 0])
    flat = history.reshape(-1, HISTORY, 2)
    velocity = known_velocities(flat, given.reshape(-1, 2)).reshape(*history.shape[:2], 2)
    here = seen[..., -1] & np.isfinite(velocity[..., 0])
    known = np.isfinite(future[..., 0]) & here[..., None]
    arrays = {
        "history": np.where(seen[..., None], history, 0.0),
        "seen": seen & here[..., None],
        "velocity": np.where(here[..., None], velocity, 0.0),
        "kind": kinds,
        "future": np.where(known[..., None], future, 0.0),
        "known": known,
    }
    return {name: torch.from_numpy(np.asarray(array, np.float32)) for name, array in arrays.items()}


def _given(positions: Array, history: Array, random: np.random.Generator) -> Array:
    """Velocities (S,A,2) as a tracker has them: NaN for half of the agents, whose history must tell.

    Those of a long history lag behind, as those of a filter do; those of a short one are the true ones, roughly.
    """
    count, agents = history.shape[:2]
    lagging, _ = fitted_velocities(history[:, :, -LAGGING:].reshape(-1, LAGGING, 2))
    true = (positions[:, :, HISTORY - 1] - positions[:, :, HISTORY - 3]) / (2.0 * PATH_STEP_S)
    rough = true + random.normal(0.0, GIVEN_MPS, true.shape)
    long = np.isfinite(history[:, :, -LAGGING:, 0]).sum(axis=2) >= LAGGING // 2
    given = np.where(long[..., None], lagging.reshape(count, agents, 2), rough)
    given[random.random((count, agents)) < 0.5] = np.nan
    return given


def _errors(related: Array, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Normal errors of unit variance (S,A,T,D), of which each is related to the one before by so much (S,1,1)."""
    fresh = random.normal(size=shape)
    errors = fresh.copy()
    for k in range(1, shape[2]):
        errors[:, :, k] = related * errors[:, :, k - 1] + np.sqrt(1.0 - related**2) * fresh[:, :, k]
    return errors
