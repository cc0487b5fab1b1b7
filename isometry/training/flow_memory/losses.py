"""What the flow memory is trained for: the true velocity of each cell, and of each object from its cells together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isometry.arrays import Array
from isometry.models.flow_memory import FlowFilter
from isometry.tracking.memory.box_velocities import LEAST_PROBABILITY, PRIOR_INFORMATION
from isometry.tracking.memory.flow_cells import FlowGrid, OccupiedCells, network_inputs, residuals
from isometry.training.flow_memory.recipe import FlowMemoryTrainingParameters
from isometry.training.flow_memory.scenes import Scene

LAG = 2  # scans from one step of the recurrence to the next
MOVING = 0.15  # cells a step from which on something moves
PRECISE = 0.15  # cells a step of error beyond which the velocity of an object costs ever less for each more
TINY = 1e-6  # added to probabilities before their logarithm


@dataclass(frozen=True)
class Piece:
    """A piece of a drive: the scans that the recurrence goes through."""

    scene: Scene
    scans: range
    centre: Array  # (2,) of the window


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
        """Distributions (N,V+1) whose mean is the motion (N,2) in cells a step; the last: too fast."""
        low = np.floor(motion).astype(np.int64)
        part = motion - low
        target = np.zeros((len(motion), self._count), np.float32)
        for step in ((0, 0), (0, 1), (1, 0), (1, 1)):
            weight = np.where(step, part, 1.0 - part).prod(axis=1)
            at = np.clip(low + step, -self._reach, self._reach) + self._reach
            np.add.at(target, (np.arange(len(motion)), self._column[at[:, 0], at[:, 1]]), weight)
        return torch.from_numpy(target)


def piece_losses(network: FlowFilter, piece: Piece, grid: FlowGrid, targets: Targets) -> dict[str, list[Tensor]]:
    """Step by step: cross-entropies of cells that move, of objects' that stand, and of what stands for good; and the
    errors of the velocities of whole objects, as Cauchy's robust loss weighs them."""
    parts: dict[str, list[Tensor]] = {"moving": [], "standing": [], "clutter": [], "objects": []}
    flows = grid.flows()
    before: OccupiedCells | None = None
    state = torch.zeros(0)
    for k in piece.scans:
        cells, shown = piece.scene.cells(k, piece.centre, grid)
        if before is None or len(before) == 0 or len(cells) == 0:
            state = torch.zeros(network.channels, len(cells), len(flows))
            before = cells
            continue
        inputs = network_inputs(cells, before, flows)
        state, probability = network(state, **{name: torch.from_numpy(value) for name, value in inputs.items()})
        elapsed_s = piece.scene.times_s[k] - piece.scene.times_s[k - LAG]
        of_objects = piece.scene.velocities(k, k - LAG) * elapsed_s / grid.cell
        motion = np.vstack([of_objects, np.zeros((1, 2))])[shown]  # what stands for good is the last, number -1
        known = np.isfinite(motion).all(axis=1)
        target = targets(np.where(known[:, None], motion, 0.0))
        losses = -(target * torch.log(probability + TINY)).sum(dim=1)
        moving = np.linalg.norm(motion, axis=1) > MOVING
        for name, chosen in (
            ("moving", known & moving),
            ("standing", known & ~moving & (shown >= 0)),
            ("clutter", shown < 0),
        ):
            parts[name].append(losses[torch.from_numpy(chosen)])
        errors = []
        for each in np.unique(shown[known & (shown >= 0)]):
            rows = np.flatnonzero(shown == each)
            moved, information = residuals(cells, rows, before, inputs["source"][rows])
            found = velocity_of(probability[torch.from_numpy(rows)], moved, information, flows)
            errors.append(found - torch.from_numpy(of_objects[each]).float())
        if errors:
            apart = torch.stack(errors).square().sum(dim=1)
            parts["objects"].append(torch.log1p(apart / PRECISE**2))
        before = cells
    return parts


def velocity_of(probability: Tensor, moved: Array, information: Array, flows: NDArray[np.integer]) -> Tensor:
    """Velocity (2,) of an object in cells a step from its R cells, differentiable: as `FlowMemory.velocities` says.

    `probability` (R,V+1); `moved` (R,V,2) and `information` (R,V,2,2) are the residuals of all flows (V,2).
    """
    known = 1.0 - probability[:, -1:]
    of_flow = probability[:, :-1] / known.clamp(min=TINY)
    logarithm = (known * torch.log(of_flow + LEAST_PROBABILITY)).sum(dim=0) / len(probability) ** 0.5
    share = torch.softmax(logarithm, dim=0)
    weights = of_flow * share
    motion = torch.from_numpy(flows + moved).float()
    sure = torch.from_numpy(information).float()
    together = torch.einsum("rf,rfij->ij", weights, sure) + PRIOR_INFORMATION * torch.eye(2)
    pull = torch.einsum("rf,rfij,rfj->i", weights, sure, motion) + PRIOR_INFORMATION * (
        share @ torch.from_numpy(flows).float()
    )
    return torch.linalg.solve(together, pull)


def total_loss(parts: dict[str, list[Tensor]], parameters: FlowMemoryTrainingParameters) -> Tensor | None:
    """The weighted mean; later steps of a piece count for more, since they can know more. None of an empty piece."""
    weights = {
        "moving": parameters.moving_weight,
        "standing": parameters.standing_weight,
        "clutter": parameters.clutter_weight,
    }
    total, weight = torch.zeros(()), 0.0
    for name, each in weights.items():
        for k, losses in enumerate(parts[name]):
            grown = each * min((k + 1) / 3.0, 1.0)
            total, weight = total + grown * losses.sum(), weight + grown * len(losses)
    if weight == 0.0:
        return None
    objects = torch.cat([torch.zeros(0), *parts["objects"][2:]])
    return total / weight + (parameters.object_weight * objects.mean() if len(objects) else 0.0)
