"""The recipe of a training of registration."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter
from isometry.training.common.recipe import Recipe


@dataclass(frozen=True)
class RegistrationTrainingParameters(Recipe):
    """The recipe."""

    steps: int = parameter(3000, "optimiser steps, a pair of clouds each", 1)
    matches: int = parameter(256, "matches sampled from each pair", 2)
    temperature: float = parameter(0.1, "of the descriptors' losses", 1e-3)
    least_overlap: float = parameter(0.2, "of two patches that belong together", 0.0, 1.0)
    rotations: int = parameter(24, "wrong rotations near the right one", 1)
    rotation_temperature: float = parameter(0.1, "of the rotation loss", 1e-3)
    rotation_weight: float = parameter(0.5, "of the rotation loss in the sum", 0.0)
    coarse_weight: float = parameter(0.5, "of the coarse descriptors' loss in the sum", 0.0)
    checkpoint_every: int = parameter(200, "steps between two checkpoints and rows of the log", 1)
