"""Training of the flow memory on simulated drives whose motion is known."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isometry.models.flow_memory import FlowFilter, FlowMemory
from isometry.parameters import parameter
from isometry.tracking.flow_cells import FlowGrid, OccupiedCells, network_inputs
from isometry.training.flow_memory_scenes import Scene, load_scene, prepare
from isometry.training.trainer import Trainer, append_row

Array = NDArray[np.float64]
COLUMNS = ("step", "minutes", "loss", "held_moving", "held_standing", "held_clutter", "held_objects")
WARM_UP = 0.1  # of the steps
LAG = 2  # scans from one step of the recurrence to the next
MOVING = 0.15  # cells a step from which on something moves
TINY = 1e-6  # added to probabilities before their logarithm
FIRST_HELD_SEED = 100_000  # seeds of the drives that are not trained on begin here


@dataclass(frozen=True)
class FlowMemoryTrainingParameters:
    """The recipe."""

    steps: int = parameter(4000, "optimiser steps, a piece of a drive each", 1)
    drives: int = parameter(260, "simulated drives to train on", 1)
    held: int = parameter(12, "simulated drives that are not trained on", 1)
    length: int = parameter(7, "steps of the recurrence in a piece", 2)
    reach: int = parameter(50, "cells from the middle of a piece to its border", 8)
    moving_weight: float = parameter(4.0, "of a cell that moves", 0.0)
    standing_weight: float = parameter(2.0, "of a cell of an object that stands", 0.0)
    clutter_weight: float = parameter(0.5, "of a cell of what stands for good", 0.0)
    object_weight: float = parameter(0.5, "of the velocities of whole objects in the sum", 0.0)
    learning_rate: float = parameter(1e-2, "at its highest; one warm-up and a cosine", 0.0)
    weight_decay: float = parameter(1e-4, "of AdamW", 0.0)
    average: float = parameter(0.99, "decay of the averaged weights that are kept", 0.0, 1.0)
    checkpoint_every: int = parameter(200, "steps between two checkpoints and rows of the log", 1)
    seed: int = parameter(0, "of every random process", 0)


@dataclass(frozen=True)
class Piece:
    """A piece of a drive: the scans that the recurrence goes through."""

    scene: Scene
    scans: range
    centre: Array  # (2,) of the window


def train(
    scenes: Path,
    parameters: FlowMemoryTrainingParameters,
    output: Path,
    resume: Path | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> FlowMemory:
    """Train on drives in a folder, where those that are not there are simulated; the network with averaged weights.

    Writes `checkpoint.pt`, `flow_memory.pt` and `log.csv` into `output` every so many steps.
    """
    output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(parameters.seed)
    random = np.random.default_rng(parameters.seed)
    drives = [load_scene(path) for path in prepare(scenes, range(parameters.drives))]
    held_seeds = range(FIRST_HELD_SEED, FIRST_HELD_SEED + parameters.held)
    held = [load_scene(path) for path in prepare(scenes, held_seeds)]
    grid = FlowGrid()
    trainer = Trainer(FlowMemory(grid.fastest), parameters, WARM_UP)
    if resume is not None:
        trainer.load(resume)
    targets = Targets(grid)
    began, losses = time.perf_counter(), []
    while trainer.step < parameters.steps:
        piece = draw(drives, parameters, random)
        parts = piece_losses(trainer.network, piece, replace(grid, reach=parameters.reach), targets)
        loss = total_loss(parts, parameters)
        if loss is None:
            continue
        trainer.advance(loss)
        losses.append(loss.item())
        progress(trainer.step, parameters.steps)
        if trainer.step % parameters.checkpoint_every == 0 or trainer.step == parameters.steps:
            minutes = (time.perf_counter() - began) / 60.0
            row = {"step": trainer.step, "minutes": minutes, "loss": float(np.mean(losses))}
            append_row(output / "log.csv", COLUMNS, row | validate(trainer.result, held, grid, targets))
            trainer.save(output / "checkpoint.pt")
            save_trained(trainer.result, parameters, trainer.step, output / "flow_memory.pt")
            losses = []
    return trainer.result.eval()


def draw(drives: Sequence[Scene], parameters: FlowMemoryTrainingParameters, random: np.random.Generator) -> Piece:
    """A random piece of a drive, around something that moves, or in one of ten around where the sensor is."""
    while True:
        scene = drives[int(random.integers(len(drives)))]
        first = int(random.integers(0, len(scene.counts) - LAG * parameters.length))
        scans = range(first, first + LAG * parameters.length + 1, LAG)
        middle = scans[len(scans) // 2]
        places = scene.boxes[middle, :, :2]
        speed = np.linalg.norm(scene.velocities(middle, middle - LAG), axis=1)
        near = np.linalg.norm(places - scene.own[middle], axis=1) < 40.0
        moving = np.flatnonzero(near & (speed > 0.5))
        if len(moving):
            return Piece(scene, scans, places[random.choice(moving)] + random.uniform(-8.0, 8.0, 2))
        if random.random() < 0.1:
            return Piece(scene, scans, scene.own[middle] + random.uniform(-10.0, 10.0, 2))


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
    """Cross-entropies, step by step: of cells that move, of objects' that stand, of the rest's, of whole objects."""
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
        inputs = {name: torch.from_numpy(value) for name, value in network_inputs(cells, before, flows).items()}
        state, probability = network(state, **inputs)
        before = cells
        elapsed_s = piece.scene.times_s[k] - piece.scene.times_s[k - LAG]
        of_objects = piece.scene.velocities(k, k - LAG) * elapsed_s / grid.cell
        # what stands for good is the last, number -1
        motion = np.vstack([of_objects, np.zeros((1, 2))])[shown]
        known = np.isfinite(motion).all(axis=1)
        target = targets(np.where(known[:, None], motion, 0.0))
        losses = -(target * torch.log(probability + TINY)).sum(dim=1)
        moving = np.linalg.norm(motion, axis=1) > MOVING
        for name, rows in (
            ("moving", known & moving),
            ("standing", known & ~moving & (shown >= 0)),
            ("clutter", shown < 0),
        ):
            parts[name].append(losses[torch.from_numpy(rows)])
        chosen = np.unique(shown[known & (shown >= 0)])
        if len(chosen):
            together = torch.stack([_together(probability[torch.from_numpy(shown == each)]) for each in chosen])
            parts["objects"].append(-(targets(of_objects[chosen])[:, :-1] * together).sum(dim=1))
    return parts


def _together(probability: Tensor) -> Tensor:
    """Logarithms (V,) of an object's velocity distribution from its cells' (R,V+1), as `FlowMemory.velocities` does."""
    known = 1.0 - probability[:, -1:]
    of_flow = probability[:, :-1] / known.clamp(min=TINY)
    logarithm = (known * torch.log(of_flow + 1e-3)).sum(dim=0) / len(probability) ** 0.5
    return torch.log_softmax(logarithm, dim=0)


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


@torch.no_grad()
def validate(network: FlowFilter, held: Sequence[Scene], grid: FlowGrid, targets: Targets) -> dict[str, float]:
    """Mean cross-entropies on drives that were not trained on, from the sixth step on."""
    found: dict[str, list[Tensor]] = {"moving": [], "standing": [], "clutter": [], "objects": []}
    for scene in held:
        scans = range(0, len(scene.counts), LAG)
        parts = piece_losses(network, Piece(scene, scans, scene.own[len(scene.own) // 2]), grid, targets)
        for name in found:
            found[name] += parts[name][5:]
    return {f"held_{name}": float(torch.cat(losses).mean()) for name, losses in found.items() if losses}


def save_trained(network: FlowMemory, parameters: FlowMemoryTrainingParameters, step: int, path: Path) -> None:
    """Write a trained network with its recipe for the export."""
    temporary = path.with_suffix(".tmp")
    torch.save({"network": network.state_dict(), "recipe": asdict(parameters) | {"steps_done": step}}, temporary)
    temporary.replace(path)


def load_trained(path: Path) -> tuple[FlowMemory, dict[str, Any]]:
    """What `save_trained` wrote: network, recipe. Raises ValueError naming a file that is not."""
    try:
        content = torch.load(path, weights_only=True)
        network = FlowMemory(FlowGrid().fastest)
        network.load_state_dict(content["network"])
    except (OSError, LookupError, TypeError, RuntimeError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path}: not a trained flow memory, or one of another version") from error
    return network.eval(), content["recipe"]
