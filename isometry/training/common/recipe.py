"""What every recipe of a training has."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter


@dataclass(frozen=True)
class Recipe:
    """What the shared training loop needs; a capability adds its own parameters and overrides defaults."""

    steps: int = parameter(2000, "optimiser steps", 1)
    learning_rate: float = parameter(2e-3, "largest learning rate; warm-up, then cosine decay", 0.0)
    weight_decay: float = parameter(1e-4, "of AdamW", 0.0)
    average: float = parameter(0.995, "decay of the averaged weights that are kept", 0.0, 1.0)
    seed: int = parameter(0, "of every random process", 0)
