"""Losses of depth where it was measured: its logarithm, its edges, the scale of its error, the normals."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from isometry.training.depth.recipe import DepthTrainingParameters

SCALES = (1, 2, 4, 8)  # pixels between the ends of an edge's gradient
TINY = 1e-6


def measured_losses(
    found: tuple[Tensor, Tensor, Tensor], depth: Tensor, normals: Tensor, parameters: DepthTrainingParameters
) -> Mapping[str, Tensor]:
    """Weighted losses by name of the network's outputs, for depth (N,H,W), 0: not known, and normals (N,3,H,W).

    `depth`: absolute error of ln(depth), and the same less its mean over each image, as half of what is asked for is
    the shape. `edges`: Li and Snavely, "MegaDepth" (2018). `scale`: negative logarithm of Laplace's likelihood; it does
    not change the depth. `normals`: 1 - cosine.
    """
    predicted, log_scale, facing = found
    known = depth > 0.0
    error = torch.where(known, predicted.clamp_min(TINY).log() - depth.clamp_min(TINY).log(), 0.0)
    count = known.sum(dim=(1, 2), keepdim=True).clamp_min(1)
    centred = torch.where(known, error - error.sum(dim=(1, 2), keepdim=True) / count, 0.0)
    likelihood = torch.where(known, error.detach().abs() * torch.exp(-log_scale) + log_scale, 0.0)
    with_normal = normals.square().sum(dim=1) > 0.5
    cosine = torch.where(with_normal, 1.0 - (facing * normals).sum(dim=1), 0.0)
    pixels = known.sum().clamp_min(1)
    return {
        "depth": (error.abs().sum() + parameters.shape_weight * centred.abs().sum()) / pixels,
        "edges": parameters.edge_weight * edge_loss(error, known),
        "scale": parameters.scale_weight * likelihood.sum() / pixels,
        "normals": parameters.normal_weight * cosine.sum() / with_normal.sum().clamp_min(1),
    }


def edge_loss(error: Tensor, known: Tensor) -> Tensor:
    """Mean absolute gradient of an error (N,H,W) of ln(depth), over pairs of known pixels, on all scales."""
    losses = []
    for step in SCALES:
        for dim in (1, 2):
            length = error.shape[dim] - step
            both = known.narrow(dim, 0, length) & known.narrow(dim, step, length)
            difference = (error.narrow(dim, step, length) - error.narrow(dim, 0, length)).abs()
            losses.append(torch.where(both, difference, 0.0).sum() / both.sum().clamp_min(1))
    return torch.stack(losses).mean()
