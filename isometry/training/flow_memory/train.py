"""Training of the flow memory on simulated drives whose motion is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isometry.models.flow_memory import FlowFilter, FlowMemory
from isometry.tracking.memory.flow_cells import FlowGrid
from isometry.training.common.trainer import Trainer, append_row, reading, write_whole
from isometry.training.flow_memory.losses import LAG, Piece, Targets, piece_losses, total_loss
from isometry.training.flow_memory.recipe import FlowMemoryTrainingParameters
from isometry.training.flow_memory.scenes import Scene, load_scene, prepare

COLUMNS = ("step", "minutes", "loss", "held_moving", "held_standing", "held_clutter", "held_objects")
WARM_UP = 0.1  # of the steps
FIRST_HELD_SEED = 100_000  # seeds of the drives that are not trained on begin here


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
    write_whole({"network": network.state_dict(), "recipe": asdict(parameters) | {"steps_done": step}}, path)


def load_trained(path: Path) -> tuple[FlowMemory, dict[str, Any]]:
    """What `save_trained` wrote: network, recipe. Raises ValueError naming a file that is not."""
    with reading(path, "a trained flow memory") as content:
        network = FlowMemory(FlowGrid().fastest)
        network.load_state_dict(content["network"])
        return network.eval(), content["recipe"]
