"""Losses of registration: contrastive ones of fine and coarse descriptors, and of the frames that turn with a cloud."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from isometry.models.point_pyramid import PointPyramid
from isometry.registration.features.pyramid import SPACINGS, Pyramid
from isometry.training.common.trainer import Loss
from isometry.training.registration.correspondences import Correspondences, Example
from isometry.training.registration.recipe import RegistrationTrainingParameters

NEAR = 2.0 * SPACINGS[0]  # resolutions: fine points this near a match are no negatives
RANDOM_ROTATIONS = 8  # of the wrong rotations that are drawn from all of SO(3)


def pair_loss(network: nn.Module, example: Example, parameters: RegistrationTrainingParameters) -> Loss:
    """The weighted sum of fine, coarse and rotation loss (zero for a network without frames), and these three."""
    target, source, true = features_of(network, example.target), features_of(network, example.source), example.true
    fine = fine_loss(target[0], source[0], true, parameters)
    coarse = coarse_loss(target[1], source[1], true, parameters)
    rotation = rotation_loss(target[2], source[2], true, parameters) if len(target) > 2 else torch.zeros(())
    total = fine + parameters.coarse_weight * coarse + parameters.rotation_weight * rotation
    return total, {"fine": fine.item(), "coarse": coarse.item(), "rotation": rotation.item()}


def features_of(network: nn.Module, pyramid: Pyramid) -> tuple[Tensor, ...]:
    """The outputs of a network for a pyramid."""
    tensors = {name: torch.from_numpy(value) for name, value in pyramid.inputs().items()}
    outputs: tuple[Tensor, ...] = network(PointPyramid(**tensors))
    return outputs


def fine_loss(
    target: Tensor, source: Tensor, true: Correspondences, parameters: RegistrationTrainingParameters
) -> Tensor:
    """InfoNCE of the descriptors (F,D), (G,D) of sampled matches against all points of the other cloud."""
    chosen = true.fine[torch.randperm(len(true.fine))[: parameters.matches]]
    losses = []
    for rows, partners, queries, keys, query_positions, key_positions in (
        (chosen[:, 0], chosen[:, 1], target, source, true.target_fine, true.source_fine),
        (chosen[:, 1], chosen[:, 0], source, target, true.source_fine, true.target_fine),
    ):
        logits = queries[rows] @ keys.T / parameters.temperature
        near = torch.cdist(query_positions[rows], key_positions) < NEAR
        near[torch.arange(len(rows)), partners] = False
        losses.append(nn.functional.cross_entropy(logits.masked_fill(near, -torch.inf), partners))
    return 0.5 * (losses[0] + losses[1])


def coarse_loss(
    target: Tensor, source: Tensor, true: Correspondences, parameters: RegistrationTrainingParameters
) -> Tensor:
    """InfoNCE of the descriptors (C,D), (E,D) of patches, positives weighted by their overlap."""
    logits = target @ source.T / parameters.temperature
    losses = []
    for scores, overlap in ((logits, true.overlap), (logits.T, true.overlap.T)):
        weights = torch.where(overlap > parameters.least_overlap, overlap, 0.0)
        rows = weights.sum(dim=1) > 0.0
        if not bool(rows.any()):
            continue
        # patches that overlap a little are neither positives nor negatives
        unclear = (overlap > 0.0) & (weights == 0.0)
        log_share = torch.log_softmax(scores.masked_fill(unclear, -torch.inf)[rows], dim=1)
        share = weights[rows] / weights[rows].sum(dim=1, keepdim=True)
        losses.append(-(share * log_share.masked_fill(share == 0.0, 0.0)).sum(dim=1).mean())
    return torch.stack(losses).mean() if losses else logits.sum() * 0.0


def rotation_loss(
    target: Tensor, source: Tensor, true: Correspondences, parameters: RegistrationTrainingParameters
) -> Tensor:
    """Contrastive rotation loss of the frames (F,V,3), (G,V,3) of sampled matches, after PARE-Net (Yao et al., 2024).

    The frames of a match must agree better when turned by the true rotation than by one some tens of degrees off it, or
    by a random one. The second term raises that agreement itself.
    """
    chosen = true.fine[torch.randperm(len(true.fine))[: parameters.matches]]
    target_frames = target[chosen[:, 0]]
    source_frames = source[chosen[:, 1]] @ true.rotation.T
    random = np.random.default_rng(int(torch.randint(2**31, ())))
    angles = np.radians(random.uniform(10.0, 60.0, parameters.rotations))
    axes = Rotation.random(parameters.rotations, rng=random).as_matrix()[:, 0]
    near = Rotation.from_rotvec(axes * angles[:, None]).as_matrix()
    wrong = np.concatenate([near, Rotation.random(RANDOM_ROTATIONS, rng=random).as_matrix()])
    turns = torch.cat([torch.eye(3)[None], torch.from_numpy(wrong.astype(np.float32))])
    # <target, source R^T> = trace of R^T (sum over vectors of target source^T)
    products = torch.einsum("nvi,nvj->nij", target_frames, source_frames)
    agreement = torch.einsum("kij,nij->nk", turns, products)
    contrast = nn.functional.cross_entropy(
        agreement / parameters.rotation_temperature, torch.zeros(len(chosen), dtype=torch.long)
    )
    return contrast + (1.0 - agreement[:, 0]).mean()
