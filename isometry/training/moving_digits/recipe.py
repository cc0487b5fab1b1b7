"""The recipe of a training on moving digits."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter
from isometry.training.common.recipe import Recipe


@dataclass(frozen=True)
class MovingDigitsTrainingParameters(Recipe):
    """The recipe, the same for both networks."""

    steps: int = parameter(400, "optimiser steps", 1)
    batch: int = parameter(16, "sequences in a step", 1)
    hidden: int = parameter(32, "channels of the memory, at each velocity", 1)
    maps: int = parameter(2, "channels of it that the image is made of", 1)
    fastest: int = parameter(1, "cells, or turns of 10 degrees, a step: velocities trained on, either way", 0)
    weight_decay: float = parameter(1e-5, "of AdamW", 0.0)
    average: float = parameter(0.98, "decay of the averaged weights that are kept", 0.0, 1.0)
    checkpoint_every: int = parameter(50, "steps between two checkpoints and rows of the log", 1)
