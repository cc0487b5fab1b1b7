"""Errors of motion prediction on scenes that are not trained on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from isometry.models.equivariant_motion import STEP_S, STEPS, EquivariantMotion
from isometry.tracking.prediction.predictor import HISTORY
from isometry.training.prediction.augmentation import batch_of
from isometry.training.prediction.scenes import Scenes

MOVING_MPS = 0.5
BATCH = 64  # scenes


@torch.no_grad()
def final_errors(network: EquivariantMotion, scenes: Scenes) -> tuple[float, float]:
    """Mean distance at three seconds of moving agents, of the network and of a constant velocity; no noise added."""
    positions = scenes.positions.astype(np.float64)
    history, future = positions[:, :, :HISTORY], positions[:, :, HISTORY:]
    batch = batch_of(history, future, np.full((*history.shape[:2], 2), np.nan), scenes.kinds)
    moving = (batch["velocity"].norm(dim=-1) > MOVING_MPS) & (batch["known"][..., -1] > 0)
    true = batch["future"][..., -1, :]
    found = [true[:0]]
    for k in range(0, len(positions), BATCH):
        part = {name: value[k : k + BATCH] for name, value in batch.items()}
        found.append(network(part["history"], part["seen"], part["velocity"], part["kind"])[0][..., -1, :])
    constant_velocity = batch["history"][..., -1, :] + STEP_S * STEPS * batch["velocity"]

    def mean_distance(end: Tensor) -> float:
        return float((end - true).norm(dim=-1)[moving].mean())

    return mean_distance(torch.cat(found)), mean_distance(constant_velocity)
