"""Training of the flow memory on simulated drives whose motion is known."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from isometry.models.flow_memory import FlowMemory
from isometry.tracking.memory.flow_cells import FlowGrid
from isometry.training.common.trained import reading, write_trained
from isometry.training.common.trainer import Loss, Progress, Trainer, no_progress
from isometry.training.flow_memory.drives import draw_clip, load_drive, prepare, whole_clip
from isometry.training.flow_memory.losses import Targets, clip_losses, mean_losses, total_loss
from isometry.training.flow_memory.recipe import FlowMemoryTrainingParameters

COLUMNS = ("step", "minutes", "loss", "held_moving", "held_standing", "held_clutter", "held_objects")
WARM_UP = 0.1  # of the steps
FIRST_HELD_SEED = 100_000  # seeds of the drives that are not trained on begin here


def train(
    folder: Path,
    parameters: FlowMemoryTrainingParameters,
    output: Path,
    resume: Path | None = None,
    progress: Progress = no_progress,
) -> FlowMemory:
    """Train on the drives in a folder, where missing ones are simulated; returns the network with averaged weights.

    `resume` is a checkpoint to go on from. Writes `log.csv`, `checkpoint.pt` and `flow_memory.pt` into `output`.
    """
    drives = [load_drive(path) for path in prepare(folder, range(parameters.drives))]
    held_seeds = range(FIRST_HELD_SEED, FIRST_HELD_SEED + parameters.held)
    held = [whole_clip(load_drive(path)) for path in prepare(folder, held_seeds)]
    grid = FlowGrid()
    small_grid = replace(grid, reach=parameters.reach)
    targets = Targets(grid)
    trainer = Trainer(lambda: FlowMemory(grid.fastest), parameters, WARM_UP, resume)

    def step(network: FlowMemory, random: np.random.Generator) -> Loss:
        loss = None
        while loss is None:  # a clip may be empty
            clip = draw_clip(drives, parameters.length, random)
            loss = total_loss(clip_losses(network, clip, small_grid, targets), parameters)
        return loss, {"loss": loss.item()}

    def validate(result: FlowMemory) -> dict[str, float]:
        losses = mean_losses([clip_losses(result, clip, grid, targets) for clip in held])
        return {f"held_{name}": loss for name, loss in losses.items()}

    def save(result: FlowMemory) -> None:
        recipe = asdict(parameters) | {"steps_done": trainer.steps_done}
        write_trained(output / "flow_memory.pt", result, recipe)

    return trainer.run(step, validate, output, COLUMNS, parameters.checkpoint_every, save, progress)


def load_trained(path: Path) -> tuple[FlowMemory, dict[str, Any]]:
    """The network and the recipe that `train` wrote. Raises ValueError naming a file that is not one."""
    with reading(path, "a trained flow memory") as content:
        network = FlowMemory(FlowGrid().fastest)
        network.load_state_dict(content["network"])
        return network.eval(), content["recipe"]
