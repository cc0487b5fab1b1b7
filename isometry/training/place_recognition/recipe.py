"""The recipe of a training of place recognition."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter
from isometry.training.common.recipe import Recipe


@dataclass(frozen=True)
class PlaceRecognitionTrainingParameters(Recipe):
    """The recipe."""

    steps: int = parameter(2400, "optimiser steps", 1)
    pairs: int = parameter(24, "pairs of views in a batch", 2)
    look_alikes: float = parameter(0.5, "share of the pairs drawn among places that the network confuses", 0.0, 1.0)
    positive_radius: float = parameter(4.0, "metres within which two scans show one place", 0.0)
    negative_radius: float = parameter(7.0, "metres beyond which two scans show two places", 0.0)
    revisit_gap: int = parameter(100, "frames apart from which a scan counts as another visit", 1)
    temperature: float = parameter(0.05, "of the places' loss", 1e-3)
    feature_temperature: float = parameter(0.07, "of the features' loss", 1e-3)
    feature_weight: float = parameter(0.3, "of the features' loss in the sum", 0.0)
    features_per_pair: int = parameter(48, "matches sampled from each pair", 2)
    learning_rate: float = parameter(1e-3, "largest learning rate; warm-up, then cosine decay", 0.0)
    average: float = parameter(0.998, "decay of the averaged weights that are kept", 0.0, 1.0)
    refresh_every: int = parameter(300, "steps between two refreshes of the descriptor bank", 1)
