"""Training of motion prediction on scenes whose future is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isometry.models.equivariant_motion import STEP_S, STEPS, EquivariantMotion
from isometry.tracking.prediction.predictor import HISTORY
from isometry.training.common.trainer import Trainer, append_row, reading, write_whole
from isometry.training.prediction.recipe import PredictionTrainingParameters
from isometry.training.prediction.scenes import Scenes
from isometry.training.prediction.variation import batch_of, varied

COLUMNS = ("step", "minutes", "ade", "fde", "likelihood", "simulated", "simulated_rule", "recorded", "recorded_rule")
WARM_UP = 0.1  # of the steps
HELD = 0.1  # share of the scenes that is not trained on
MOVING_MPS = 0.5


def train(
    simulated: Scenes,
    recorded: Scenes | None,
    parameters: PredictionTrainingParameters,
    output: Path,
    resume: Path | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> EquivariantMotion:
    """Train on scenes and return the network with averaged weights.

    `recorded` scenes are mixed in. The last tenth of both is held back for the log. `resume` is a checkpoint to go on
    from. Writes `checkpoint.pt`, `motion_prediction.pt` and `log.csv` into `output` every so many steps.
    """
    output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(parameters.seed)
    random = np.random.default_rng(parameters.seed)
    trainer = Trainer(EquivariantMotion(), parameters, WARM_UP)
    if resume is not None:
        trainer.load(resume)
    sources = {"simulated": simulated} if recorded is None else {"simulated": simulated, "recorded": recorded}
    counts = {"simulated": parameters.scenes}
    if recorded is not None:
        counts["recorded"] = round(parameters.scenes * parameters.recorded)
        counts["simulated"] -= counts["recorded"]
    learnt = {name: _part(scenes, 0.0, 1.0 - HELD) for name, scenes in sources.items()}
    held = {name: _part(scenes, 1.0 - HELD, 1.0) for name, scenes in sources.items()}
    began = time.perf_counter()
    losses: list[list[float]] = []
    while trainer.step < parameters.steps:
        drawn = [_draw(scenes, counts[name], random) for name, scenes in learnt.items()]
        loss, parts = prediction_loss(trainer.network, varied(Scenes.joined(drawn), parameters, random), parameters)
        trainer.advance(loss)
        losses.append(parts)
        progress(trainer.step, parameters.steps)
        if trainer.step % parameters.checkpoint_every == 0 or trainer.step == parameters.steps:
            minutes = (time.perf_counter() - began) / 60.0
            figures = dict(zip(("ade", "fde", "likelihood"), np.mean(losses, axis=0).tolist(), strict=True))
            for name, scenes in held.items():
                figures[name], figures[f"{name}_rule"] = final_errors(trainer.result, scenes)
            append_row(output / "log.csv", COLUMNS, {"step": trainer.step, "minutes": minutes} | figures)
            trainer.save(output / "checkpoint.pt")
            save_trained(trainer.result, parameters, trainer.step, output / "motion_prediction.pt")
            losses = []
    return trainer.result.eval()


def prediction_loss(
    network: EquivariantMotion, batch: Mapping[str, Tensor], parameters: PredictionTrainingParameters
) -> tuple[Tensor, list[float]]:
    """The sum of the losses, and its parts: mean error, error after three seconds, negative log likelihood."""
    path, covariance = network(batch["history"], batch["seen"], batch["velocity"], batch["kind"])
    known = batch["known"]
    error = (path - batch["future"]) * known.unsqueeze(-1)
    distance = (error.square().sum(dim=-1) + 1e-3).sqrt() * known
    mean = distance.sum() / known.sum().clamp(min=1.0)
    end = distance[..., -1].sum() / known[..., -1].sum().clamp(min=1.0)
    likelihood = (negative_log_likelihood(error.detach(), covariance) * known).sum() / known.sum().clamp(min=1.0)
    total = mean + parameters.end_weight * end + parameters.likelihood_weight * likelihood
    return total, [mean.item(), end.item(), likelihood.item()]


def negative_log_likelihood(error: Tensor, covariance: Tensor) -> Tensor:
    """Of errors (...,2) that are normal with covariances (...,2,2), less a constant."""
    a, b, d = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    determinant = a * d - b * b
    x, y = error[..., 0], error[..., 1]
    squared = (d * x * x - 2.0 * b * x * y + a * y * y) / determinant
    return 0.5 * (squared + torch.log(determinant))


@torch.no_grad()
def final_errors(network: EquivariantMotion, scenes: Scenes) -> tuple[float, float]:
    """Mean distance at three seconds of moving agents, of the network and of a constant velocity; no noise added."""
    positions = scenes.positions.astype(np.float64)
    history, future = positions[:, :, :HISTORY], positions[:, :, HISTORY:]
    batch = batch_of(history, future, np.full((*history.shape[:2], 2), np.nan), scenes.kinds)
    moving = (batch["velocity"].norm(dim=-1) > MOVING_MPS) & (batch["known"][..., -1] > 0)
    rows = []
    for k in range(0, len(positions), 64):
        part = {name: value[k : k + 64] for name, value in batch.items()}
        rows.append(network.eval()(part["history"], part["seen"], part["velocity"], part["kind"])[0][..., -1, :])
    network.train()
    truth = batch["future"][..., -1, :]
    rule = batch["history"][..., -1, :] + STEP_S * STEPS * batch["velocity"]
    found = torch.cat(rows) if rows else truth
    return tuple(float((each - truth).norm(dim=-1)[moving].mean()) for each in (found, rule))  # type: ignore[return-value]


def save_trained(network: EquivariantMotion, parameters: PredictionTrainingParameters, step: int, path: Path) -> None:
    """Write a trained network with its recipe for the export."""
    write_whole({"network": network.state_dict(), "recipe": asdict(parameters) | {"steps_done": step}}, path)


def load_trained(path: Path) -> tuple[EquivariantMotion, dict[str, Any]]:
    """What `save_trained` wrote: network, recipe. Raises ValueError naming a file that is not."""
    network = EquivariantMotion()
    with reading(path, "a trained network of motion prediction") as content:
        network.load_state_dict(content["network"])
        return network.eval(), content["recipe"]


def _part(scenes: Scenes, start: float, end: float) -> Scenes:
    rows = slice(round(start * len(scenes)), round(end * len(scenes)))
    return Scenes(scenes.positions[rows], scenes.kinds[rows])


def _draw(scenes: Scenes, count: int, random: np.random.Generator) -> Scenes:
    rows = random.integers(0, len(scenes), count)
    return Scenes(scenes.positions[rows], scenes.kinds[rows])
