"""Losses of the flow memory: cross-entropy of the velocity of each cell, error of the velocity of each whole object."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isometry.arrays import Array
from isometry.models.flow_memory import FlowFilter
from isometry.tracking.memory.box_velocities import LEAST_PROBABILITY, PRIOR_INFORMATION
from isometry.tracking.memory.flow_cells import FlowGrid, OccupiedCells, network_inputs, residuals
from isometry.training.flow_memory.drives import LAG, Clip
from isometry.training.flow_memory.recipe import FlowMemoryTrainingParameters

MOVING = 0.15  # cells a step above which an object is moving
PRECISE = 0.15  # cells a step: scale of Cauchy's robust loss of the velocities of objects
TINY = 1e-6  # added to probabilities before their logarithm
SETTLED = 5  # steps of a clip that validation leaves out, while the memory fills
PARTS = ("moving", "standing", "clutter", "objects")  # the first three: of cells

Losses = dict[str, list[Tensor]]  # of each part, step by step


class Targets:
    """True velocities as distributions over flows."""

    def __init__(self, grid: FlowGrid) -> None:
        flows = grid.flows()
        self._reach = int(grid.fastest) + 1
        side = 2 * self._reach + 1
        self._column = np.full((side, side), len(flows))
        self._column[tuple((flows + self._reach).T)] = np.arange(len(flows))
        self._count = len(flows) + 1

    def __call__(self, motion: Array) -> Tensor:
        """Distributions (N,V+1) whose mean is the motion (N,2) in cells a step; the last column: too fast."""
        low = np.floor(motion).astype(np.int64)
        part = motion - low
        target = np.zeros((len(motion), self._count), np.float32)
        for step in ((0, 0), (0, 1), (1, 0), (1, 1)):
            weight = np.where(step, part, 1.0 - part).prod(axis=1)
            at = np.clip(low + step, -self._reach, self._reach) + self._reach
            np.add.at(target, (np.arange(len(motion)), self._column[at[:, 0], at[:, 1]]), weight)
        return torch.from_numpy(target)


def clip_losses(network: FlowFilter, clip: Clip, grid: FlowGrid, targets: Targets) -> Losses:
    """Step by step: cross-entropies of cells on moving objects, on stationary objects ("standing") and on the static
    background ("clutter"), and the losses of the velocities of whole objects."""
    losses: Losses = {name: [] for name in PARTS}
    flows = grid.flows()
    before: OccupiedCells | None = None
    state = torch.zeros(0)
    for k in clip.scans:
        cells, objects = clip.drive.cells(k, clip.centre, grid)
        if before is None or len(before) == 0 or len(cells) == 0:
            state = torch.zeros(network.channels, len(cells), len(flows))
            before = cells
            continue
        inputs = network_inputs(cells, before, flows)
        state, probability = network(state, **{name: torch.from_numpy(value) for name, value in inputs.items()})
        elapsed_s = clip.drive.times_s[k] - clip.drive.times_s[k - LAG]
        of_objects = clip.drive.velocities(k, k - LAG) * elapsed_s / grid.cell
        motion = np.vstack([of_objects, np.zeros((1, 2))])[objects]  # row -1, the last, is the background's
        known = np.isfinite(motion).all(axis=1)

        target = targets(np.where(known[:, None], motion, 0.0))
        of_cells = -(target * torch.log(probability + TINY)).sum(dim=1)
        moving = np.linalg.norm(motion, axis=1) > MOVING
        losses["moving"].append(of_cells[torch.from_numpy(known & moving)])
        losses["standing"].append(of_cells[torch.from_numpy(known & ~moving & (objects >= 0))])
        losses["clutter"].append(of_cells[torch.from_numpy(objects < 0)])

        errors = []
        for each in np.unique(objects[known & (objects >= 0)]):
            rows = np.flatnonzero(objects == each)
            moved, information = residuals(cells, rows, before, inputs["source"][rows])
            velocity = velocity_of(probability[torch.from_numpy(rows)], moved, information, flows)
            errors.append(velocity - torch.from_numpy(of_objects[each]).float())
        if errors:
            losses["objects"].append(torch.log1p(torch.stack(errors).square().sum(dim=1) / PRECISE**2))
        before = cells
    return losses


def velocity_of(probability: Tensor, moved: Array, information: Array, flows: NDArray[np.integer]) -> Tensor:
    """Velocity (2,) of an object in cells a step from its R cells, as `FlowMemory.velocities`, but differentiable.

    `probability` (R,V+1); `moved` (R,V,2) and `information` (R,V,2,2) are the residuals of all flows (V,2).
    """
    known = 1.0 - probability[:, -1:]
    of_flow = probability[:, :-1] / known.clamp(min=TINY)
    logarithm = (known * torch.log(of_flow + LEAST_PROBABILITY)).sum(dim=0) / len(probability) ** 0.5
    share = torch.softmax(logarithm, dim=0)
    weights = of_flow * share
    motion = torch.from_numpy(flows + moved).float()
    precision = torch.from_numpy(information).float()
    prior_motion = share @ torch.from_numpy(flows).float()
    summed = torch.einsum("rf,rfij->ij", weights, precision) + PRIOR_INFORMATION * torch.eye(2)
    pull = torch.einsum("rf,rfij,rfj->i", weights, precision, motion) + PRIOR_INFORMATION * prior_motion
    return torch.linalg.solve(summed, pull)


def total_loss(losses: Losses, parameters: FlowMemoryTrainingParameters) -> Tensor | None:
    """The weighted mean, in which the first steps count less: the memory is still empty. None of an empty clip."""
    weights = {
        "moving": parameters.moving_weight,
        "standing": parameters.standing_weight,
        "clutter": parameters.clutter_weight,
    }
    total, weight = torch.zeros(()), 0.0
    for name, each in weights.items():
        for k, of_cells in enumerate(losses[name]):
            grown = each * min((k + 1) / 3.0, 1.0)
            total, weight = total + grown * of_cells.sum(), weight + grown * len(of_cells)
    if weight == 0.0:
        return None
    objects = torch.cat([torch.zeros(0), *losses["objects"][2:]])
    return total / weight + (parameters.object_weight * objects.mean() if len(objects) else 0.0)


def mean_losses(clips: Sequence[Losses]) -> dict[str, float]:
    """Means over clips of all parts that they have, from the sixth step on."""
    parts = {name: [loss for losses in clips for loss in losses[name][SETTLED:]] for name in PARTS}
    return {name: float(torch.cat(losses).mean()) for name, losses in parts.items() if losses}
