"""The recipe of a training of the depth network."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter
from isometry.training.common.recipe import Recipe


@dataclass(frozen=True)
class DepthTrainingParameters(Recipe):
    """The recipe."""

    steps: int = parameter(4000, "optimiser steps", 1)
    learning_rate: float = parameter(1e-3, "largest learning rate; warm-up, then cosine decay", 0.0)
    batch: int = parameter(8, "images of rooms in a step", 1)
    pairs: int = parameter(1, "pairs of images of a drive in a step, where there are drives", 0)
    unturned: float = parameter(0.3, "share of the images of rooms whose camera is not turned", 0.0, 1.0)
    roll_deg: float = parameter(25.0, "standard deviation of the turns about the optical axis", 0.0)
    tilt_deg: float = parameter(10.0, "standard deviation of the turns about the two others", 0.0)
    shape_weight: float = parameter(0.5, "of the error of ln(depth) less its mean over the image", 0.0)
    edge_weight: float = parameter(0.5, "of the error of the gradients of ln(depth) on four scales", 0.0)
    scale_weight: float = parameter(0.1, "of the likelihood of the error's scale", 0.0)
    normal_weight: float = parameter(0.2, "of the error of the normals", 0.0)
    photometric_weight: float = parameter(0.2, "of the difference of images, moved by depth and motion", 0.0)
    smooth_weight: float = parameter(0.004, "of the smoothness of ln(depth) where the image is smooth", 0.0)
    split_weight: float = parameter(0.02, "of the constraints on each component of the motion; 0: without", 0.0)
    motion_rate: float = parameter(2e-3, "learning rate of the motions of the pairs, over that of the network", 0.0)
    checkpoint_every: int = parameter(250, "steps between two checkpoints and rows of the log", 1)
