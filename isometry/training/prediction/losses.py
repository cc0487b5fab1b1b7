"""Losses of motion prediction: distances of the predicted paths, likelihood of their covariances."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from isometry.models.equivariant_motion import EquivariantMotion
from isometry.training.common.trainer import Loss
from isometry.training.prediction.recipe import PredictionTrainingParameters


def prediction_loss(
    network: EquivariantMotion, batch: Mapping[str, Tensor], parameters: PredictionTrainingParameters
) -> Loss:
    """The weighted sum of mean error, error after three seconds and negative log likelihood, and these three.

    The likelihood trains the covariances only: the paths in it are held fixed.
    """
    path, covariance = network(batch["history"], batch["seen"], batch["velocity"], batch["kind"])
    known = batch["known"]
    error = (path - batch["future"]) * known.unsqueeze(-1)
    distance = (error.square().sum(dim=-1) + 1e-3).sqrt() * known
    mean = distance.sum() / known.sum().clamp(min=1.0)
    end = distance[..., -1].sum() / known[..., -1].sum().clamp(min=1.0)
    likelihood = (negative_log_likelihood(error.detach(), covariance) * known).sum() / known.sum().clamp(min=1.0)
    total = mean + parameters.end_weight * end + parameters.likelihood_weight * likelihood
    return total, {"ade": mean.item(), "fde": end.item(), "likelihood": likelihood.item()}


def negative_log_likelihood(error: Tensor, covariance: Tensor) -> Tensor:
    """Of errors (...,2) that are normal with covariances (...,2,2), less a constant."""
    a, b, d = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    determinant = a * d - b * b
    x, y = error[..., 0], error[..., 1]
    squared = (d * x * x - 2.0 * b * x * y + a * y * y) / determinant
    return 0.5 * (squared + torch.log(determinant))
