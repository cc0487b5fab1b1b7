"""The recipe of a training of motion prediction."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter
from isometry.training.common.recipe import Recipe


@dataclass(frozen=True)
class PredictionTrainingParameters(Recipe):
    """The recipe."""

    scenes: int = parameter(32, "scenes in a batch", 1)
    recorded: float = parameter(0.2, "share of a batch that is drawn from recorded scenes, if there are any", 0.0, 1.0)
    most_noise_m: float = parameter(0.25, "largest standard deviation of a history's positions", 0.0)
    dropped: float = parameter(0.1, "share of a history's positions that are lost, at most", 0.0, 0.9)
    short: float = parameter(0.3, "share of the agents whose history is cut off somewhere", 0.0, 1.0)
    unseen: float = parameter(0.6, "share of the agents that are not observed, at most", 0.0, 0.95)
    scale: float = parameter(0.15, "by which lengths are varied, up and down", 0.0, 0.9)
    drift_mps: float = parameter(0.4, "of the frame: standard deviation of its error, at most", 0.0)
    drift_rad_s: float = parameter(0.01, "of the frame: standard deviation of its error, at most", 0.0)
    end_weight: float = parameter(1.0, "of the last position's error, beside the mean of all", 0.0)
    likelihood_weight: float = parameter(0.05, "of the covariances' loss", 0.0)
    learning_rate: float = parameter(3e-3, "largest learning rate; warm-up, then cosine decay", 0.0)
    weight_decay: float = parameter(1e-3, "of AdamW", 0.0)
    checkpoint_every: int = parameter(250, "steps between two checkpoints and rows of the log", 1)
