"""The recipe of a training of the flow memory."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter
from isometry.training.common.recipe import Recipe


@dataclass(frozen=True)
class FlowMemoryTrainingParameters(Recipe):
    """The recipe."""

    steps: int = parameter(1800, "optimiser steps, a clip of a drive each", 1)
    drives: int = parameter(260, "simulated drives to train on", 1)
    held: int = parameter(12, "simulated drives that are not trained on", 1)
    length: int = parameter(7, "steps of the recurrence in a clip", 2)
    reach: int = parameter(50, "cells from the centre of a clip's window to its border", 8)
    moving_weight: float = parameter(6.0, "of a cell on a moving object", 0.0)
    standing_weight: float = parameter(2.0, "of a cell on a stationary object", 0.0)
    clutter_weight: float = parameter(0.5, "of a cell on the static background", 0.0)
    object_weight: float = parameter(2.0, "of the velocity errors of whole objects in the sum", 0.0)
    learning_rate: float = parameter(1e-2, "largest learning rate; warm-up, then cosine decay", 0.0)
    average: float = parameter(0.99, "decay of the averaged weights that are kept", 0.0, 1.0)
    checkpoint_every: int = parameter(200, "steps between two checkpoints and rows of the log", 1)
