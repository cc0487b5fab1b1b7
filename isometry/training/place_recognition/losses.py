"""The two losses of place recognition: places against all other places, oriented features across views."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from isometry.arrays import Array
from isometry.geometry import planar
from isometry.models.layers.so2.cyclic_convolution import ORIENTATIONS, orientation_shift
from isometry.training.place_recognition.drives import Drive
from isometry.training.place_recognition.pairs import Batch
from isometry.training.place_recognition.recipe import PlaceRecognitionTrainingParameters


def place_loss(
    descriptors: Tensor, batch: Batch, bank: Tensor, drive: Drive, parameters: PlaceRecognitionTrainingParameters
) -> Tensor:
    """InfoNCE of full descriptors (2P,D) against each other and against the bank (N,D)."""
    position = torch.from_numpy(drive.position)
    here = position[batch.frames]
    among = torch.cdist(here, here)
    far = torch.cdist(here, position) > parameters.negative_radius
    logits = descriptors @ descriptors.T / parameters.temperature
    itself = torch.eye(len(descriptors), dtype=torch.bool)
    positive = (among < parameters.positive_radius) & ~itself
    negative = among > parameters.negative_radius
    against_bank = (descriptors @ bank.T / parameters.temperature).masked_fill(~far, -torch.inf)
    negatives = torch.cat([logits.masked_fill(~negative, -torch.inf), against_bank], dim=1).logsumexp(1, keepdim=True)
    loss = torch.logaddexp(logits, negatives) - logits
    weight = positive / positive.sum(dim=1, keepdim=True).clamp_min(1)
    return (loss * weight).sum() / len(descriptors)


def feature_loss(local: Tensor, batch: Batch, drive: Drive, parameters: PlaceRecognitionTrainingParameters) -> Tensor:
    """InfoNCE of oriented features (2P,64,H,W) over sampled matches between the views of each pair."""
    local = nn.functional.normalize(local, dim=1)
    half_width = drive.grid.half_width
    size = local.shape[-1]
    occupied = nn.functional.max_pool2d(batch.images, batch.images.shape[-1] // size)[:, 0] > 0
    losses = []
    for k in range(0, len(local), 2):
        cells = torch.nonzero(occupied[k])
        cells = cells[torch.randperm(len(cells))[: parameters.features_per_pair]]
        xy = (cells + 0.5) * (2.0 * half_width / size) - half_width
        moved, turn = warped(xy.double().numpy(), batch, k, drive)
        inside = torch.from_numpy(np.hypot(*moved.T) < half_width - 1.0)
        if int(inside.sum()) < 8:
            continue
        here = local[k][:, cells[inside, 0], cells[inside, 1]].T.unflatten(1, (ORIENTATIONS, -1))
        there = torch.from_numpy(moved).float()[inside] / half_width
        grid = there.flip(1)[None, None]  # grid_sample takes (column, row)
        found = nn.functional.grid_sample(local[k + 1][None], grid, align_corners=False)[0, :, 0].T
        found = nn.functional.normalize(found, dim=1)
        eighths = torch.full((len(here),), turn / (2.0 * np.pi) * ORIENTATIONS)
        shifts = [orientation_shift(here, eighths + s).flatten(1) for s in range(ORIENTATIONS)]
        scores = torch.cat([shift @ found.T for shift in shifts], dim=0).T / parameters.feature_temperature
        separation = torch.cdist(there, there) * half_width
        near = (separation < 3.0) & ~torch.eye(len(here), dtype=torch.bool)
        scores = scores.masked_fill(near.repeat(1, ORIENTATIONS), -torch.inf)
        losses.append(nn.functional.cross_entropy(scores, torch.arange(len(here))))
    return torch.stack(losses).mean() if losses else local.sum() * 0.0


def warped(xy: Array, batch: Batch, k: int, drive: Drive) -> tuple[Array, float]:
    """Points (M,2) of view k in view k + 1, in metres, and the turn between the two views in radians."""
    first, second = batch.frames[k], batch.frames[k + 1]
    world = xy @ planar.rotations(drive.yaw[first] - batch.turns[k]).T + drive.position[first]
    moved = (world - drive.position[second]) @ planar.rotations(batch.turns[k + 1] - drive.yaw[second]).T
    return moved, float(drive.yaw[first] - batch.turns[k] - drive.yaw[second] + batch.turns[k + 1])
