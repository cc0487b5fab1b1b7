"""What is asked of features: descriptors that match, coarse and fine, and frames that turn along."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from isometry.geometry import se3
from isometry.registration.features.pyramid import SPACINGS, Pyramid
from isometry.training.registration.pairs import fine_matches
from isometry.training.registration.recipe import RegistrationTrainingParameters

MATCH_REACH = 0.75 * SPACINGS[0]  # resolutions within which two fine points show the same place
NEAR = 2.0 * SPACINGS[0]  # fine points this near a match are no counterexamples
FEWEST_MATCHES = 24


@dataclass(frozen=True)
class Truth:
    """What belongs together in a pair of pyramids, in units of the resolution."""

    fine: Tensor  # (M,2) rows of fine target and source points that show the same place
    target_fine: Tensor  # (F,3) fine target points in the source's pyramid
    source_fine: Tensor  # (G,3)
    overlap: Tensor  # (C,D) share, 0 to 1, of the fine points that coarse target and source points have in common
    rotation: Tensor  # (3,3) of the source's pyramid into the target's


def truth_of(target: Pyramid, source: Pyramid, T_target_source: np.ndarray) -> Truth | None:
    """The truth of a pair, None when it has too few matches to learn from."""
    moved = se3.apply(se3.inverse(T_target_source), target.metres(target.fine))
    target_fine = (moved - source.centre) / source.resolution
    matches = fine_matches(target_fine, source.fine.astype(np.float64), MATCH_REACH)
    if len(matches) < FEWEST_MATCHES:
        return None
    patches = [pyramid.coarse_above[pyramid.middle_above] for pyramid in (target, source)]
    shared = np.zeros((len(target.coarse), len(source.coarse)), np.float32)
    np.add.at(shared, (patches[0][matches[:, 0]], patches[1][matches[:, 1]]), 1.0)
    sizes = [
        np.bincount(patch, minlength=len(pyramid.coarse))
        for patch, pyramid in zip(patches, (target, source), strict=True)
    ]
    smaller = np.minimum(sizes[0][:, None], sizes[1][None, :])
    return Truth(
        torch.from_numpy(matches),
        torch.from_numpy(target_fine.astype(np.float32)),
        torch.from_numpy(source.fine),
        torch.from_numpy(shared / np.maximum(smaller, 1)).float(),
        torch.from_numpy(T_target_source[:3, :3].astype(np.float32)),
    )


def fine_loss(target: Tensor, source: Tensor, truth: Truth, parameters: RegistrationTrainingParameters) -> Tensor:
    """InfoNCE of the descriptors (F,D), (G,D) of sampled matches against all points of the other cloud."""
    chosen = truth.fine[torch.randperm(len(truth.fine))[: parameters.matches]]
    losses = []
    for rows, others, here, there, mine, theirs in (
        (chosen[:, 0], chosen[:, 1], target, source, truth.target_fine, truth.source_fine),
        (chosen[:, 1], chosen[:, 0], source, target, truth.source_fine, truth.target_fine),
    ):
        logits = here[rows] @ there.T / parameters.temperature
        near = torch.cdist(mine[rows], theirs) < NEAR
        near[torch.arange(len(rows)), others] = False
        losses.append(torch.nn.functional.cross_entropy(logits.masked_fill(near, -torch.inf), others))
    return 0.5 * (losses[0] + losses[1])


def coarse_loss(target: Tensor, source: Tensor, truth: Truth, parameters: RegistrationTrainingParameters) -> Tensor:
    """InfoNCE of the descriptors (C,D), (E,D) of patches, their counterparts weighted by how much they overlap."""
    logits = target @ source.T / parameters.temperature
    losses = []
    for scores, overlap in ((logits, truth.overlap), (logits.T, truth.overlap.T)):
        weights = torch.where(overlap > parameters.least_overlap, overlap, 0.0)
        rows = weights.sum(dim=1) > 0.0
        if not bool(rows.any()):
            continue
        # patches that overlap a little are neither counterparts nor counterexamples
        unclear = (overlap > 0.0) & (weights == 0.0)
        log_share = torch.log_softmax(scores.masked_fill(unclear, -torch.inf)[rows], dim=1)
        share = weights[rows] / weights[rows].sum(dim=1, keepdim=True)
        losses.append(-(share * log_share.masked_fill(share == 0.0, 0.0)).sum(dim=1).mean())
    return torch.stack(losses).mean() if losses else logits.sum() * 0.0


def rotation_loss(target: Tensor, source: Tensor, truth: Truth, parameters: RegistrationTrainingParameters) -> Tensor:
    """Contrastive rotation loss of the frames (F,V,3), (G,V,3) of sampled matches, after PARE-Net (Yao et al., 2024).

    Turned by the true rotation, a match's frames must agree better than turned by a random one or one some tens of
    degrees off; and they must agree.
    """
    chosen = truth.fine[torch.randperm(len(truth.fine))[: parameters.matches]]
    there = target[chosen[:, 0]]
    here = source[chosen[:, 1]] @ truth.rotation.T
    random = np.random.default_rng(int(torch.randint(2**31, ())))
    angles = np.radians(random.uniform(10.0, 60.0, parameters.rotations))
    axes = Rotation.random(parameters.rotations, rng=random).as_matrix()[:, 0]
    near = Rotation.from_rotvec(axes * angles[:, None]).as_matrix()
    off = np.concatenate([near, Rotation.random(8, rng=random).as_matrix()])
    turns = torch.cat([torch.eye(3)[None], torch.from_numpy(off.astype(np.float32))])
    # <there, here R^T> = trace of R^T (sum over vectors of there here^T)
    products = torch.einsum("nvi,nvj->nij", there, here)
    agreement = torch.einsum("kij,nij->nk", turns, products)
    contrast = torch.nn.functional.cross_entropy(
        agreement / parameters.rotation_temperature, torch.zeros(len(chosen), dtype=torch.long)
    )
    return contrast + (1.0 - agreement[:, 0]).mean()
