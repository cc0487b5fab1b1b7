"""Training of motion prediction on scenes whose future is known."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from isometry.models.equivariant_motion import EquivariantMotion
from isometry.training.common.trained import reading, write_trained
from isometry.training.common.trainer import Loss, Progress, Trainer, no_progress
from isometry.training.prediction.augmentation import augmented
from isometry.training.prediction.losses import prediction_loss
from isometry.training.prediction.recipe import PredictionTrainingParameters
from isometry.training.prediction.scenes import Scenes
from isometry.training.prediction.validation import final_errors

COLUMNS = ("step", "minutes", "ade", "fde", "likelihood", "simulated", "simulated_rule", "recorded", "recorded_rule")
WARM_UP = 0.1  # of the steps
HELD = 0.1  # share of the scenes that is not trained on


def train(
    simulated: Scenes,
    recorded: Scenes | None,
    parameters: PredictionTrainingParameters,
    output: Path,
    resume: Path | None = None,
    progress: Progress = no_progress,
) -> EquivariantMotion:
    """Train on scenes and return the network with averaged weights.

    `recorded` scenes are mixed in. The last tenth of both is held back for the log. `resume` is a checkpoint to go on
    from. Writes `log.csv`, `checkpoint.pt` and `motion_prediction.pt` into `output`.
    """
    sources = {"simulated": simulated}
    counts = {"simulated": parameters.scenes}
    if recorded is not None:
        sources["recorded"] = recorded
        counts["recorded"] = round(parameters.scenes * parameters.recorded)
        counts["simulated"] -= counts["recorded"]
    kept = {name: scenes.part(0.0, 1.0 - HELD) for name, scenes in sources.items()}
    held = {name: scenes.part(1.0 - HELD, 1.0) for name, scenes in sources.items()}
    trainer = Trainer(EquivariantMotion, parameters, WARM_UP, resume)

    def step(network: EquivariantMotion, random: np.random.Generator) -> Loss:
        batch = Scenes.joined([scenes.draw(counts[name], random) for name, scenes in kept.items()])
        return prediction_loss(network, augmented(batch, parameters, random), parameters)

    def validate(result: EquivariantMotion) -> dict[str, float]:
        figures = {}
        for name, scenes in held.items():
            figures[name], figures[f"{name}_rule"] = final_errors(result, scenes)
        return figures

    def save(result: EquivariantMotion) -> None:
        recipe = asdict(parameters) | {"steps_done": trainer.steps_done}
        write_trained(output / "motion_prediction.pt", result, recipe)

    return trainer.run(step, validate, output, COLUMNS, parameters.checkpoint_every, save, progress)


def load_trained(path: Path) -> tuple[EquivariantMotion, dict[str, Any]]:
    """The network and the recipe that `train` wrote. Raises ValueError naming a file that is not one."""
    with reading(path, "a trained network of motion prediction") as content:
        network = EquivariantMotion()
        network.load_state_dict(content["network"])
        return network.eval(), content["recipe"]
