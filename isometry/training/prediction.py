"""Training of motion prediction on scenes whose future is known."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isometry.models.equivariant_motion import STEP_S, STEPS, EquivariantMotion
from isometry.tracking.prediction import HISTORY, fitted_velocities, known_velocities
from isometry.training.prediction_parameters import PredictionTrainingParameters
from isometry.training.prediction_scenes import Scenes
from isometry.training.trainer import Trainer, append_row

Array = NDArray[np.float64]

COLUMNS = ("step", "minutes", "ade", "fde", "likelihood", "simulated", "simulated_rule", "recorded", "recorded_rule")
WARM_UP = 0.1  # of the steps
HELD = 0.1  # share of the scenes that is not trained on
MOVING_MPS = 0.5
RELATED = 0.9  # how much of a position's error the next one shares, in half of the scenes
LAGGING = 8  # positions that a tracker's velocity is about the mean of
GIVEN_MPS = 0.7  # standard deviation of the velocity that a tracker gives for a short history


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
    sources = {"simulated": simulated} | ({} if recorded is None else {"recorded": recorded})
    shares = {"simulated": 1.0} if recorded is None else {"simulated": 1.0 - parameters.recorded}
    learnt = {name: _part(scenes, 0.0, 1.0 - HELD) for name, scenes in sources.items()}
    held = {name: _part(scenes, 1.0 - HELD, 1.0) for name, scenes in sources.items()}
    began = time.perf_counter()
    losses: list[list[float]] = []
    while trainer.step < parameters.steps:
        first = round(parameters.scenes * shares["simulated"])
        drawn = [_draw(learnt["simulated"], first, random)]
        if recorded is not None:
            drawn.append(_draw(learnt["recorded"], parameters.scenes - first, random))
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


Batch = dict[str, Tensor]


def varied(scenes: Scenes, parameters: PredictionTrainingParameters, random: np.random.Generator) -> Batch:
    """Scenes turned, some mirrored, with histories as a tracker has them: noisy, with gaps, some of them short."""
    positions = scenes.positions.astype(np.float64)
    count, agents = positions.shape[:2]
    angle = random.uniform(0.0, 2.0 * np.pi, count)
    mirror = np.where(random.random(count) < 0.5, -1.0, 1.0)
    turn = np.stack([np.cos(angle), -np.sin(angle), mirror * np.sin(angle), mirror * np.cos(angle)], axis=-1)
    positions = np.einsum("saki,sij->sakj", positions, turn.reshape(count, 2, 2))
    history, future = positions[:, :, :HISTORY].copy(), positions[:, :, HISTORY:]
    sigma = parameters.most_noise_m * np.square(random.random((count, agents, 1, 1)))
    related = np.where(random.random((count, 1, 1)) < 0.5, 0.0, RELATED)
    history += sigma * _errors(related, history.shape, random)
    dropped = random.random(history.shape[:3]) < parameters.dropped * random.random((count, agents, 1))
    begins = np.where(
        random.random((count, agents)) < parameters.short, random.integers(0, HISTORY, (count, agents)), 0
    )
    dropped |= np.arange(HISTORY) < begins[..., None]
    dropped[..., -1] = False
    history[dropped] = np.nan
    return batch_of(history, future, _given(positions, history, random), scenes.kinds)


def batch_of(history: Array, future: Array, given: Array, kinds: NDArray[np.float32]) -> Batch:
    """Tensors of histories (S,A,21,2), futures (S,A,30,2), NaN where not known, velocities (S,A,2), kinds (S,A,3)."""
    seen = np.isfinite(history[..., 0])
    flat = history.reshape(-1, HISTORY, 2)
    velocity = known_velocities(flat, given.reshape(-1, 2)).reshape(*history.shape[:2], 2)
    here = seen[..., -1] & np.isfinite(velocity[..., 0])
    known = np.isfinite(future[..., 0]) & here[..., None]
    arrays = {
        "history": np.where(seen[..., None], history, 0.0),
        "seen": seen & here[..., None],
        "velocity": np.where(here[..., None], velocity, 0.0),
        "kind": kinds,
        "future": np.where(known[..., None], future, 0.0),
        "known": known,
    }
    return {name: torch.from_numpy(np.asarray(array, np.float32)) for name, array in arrays.items()}


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
    temporary = path.with_suffix(".tmp")
    torch.save({"network": network.state_dict(), "recipe": asdict(parameters) | {"steps_done": step}}, temporary)
    temporary.replace(path)


def load_trained(path: Path) -> tuple[EquivariantMotion, dict[str, Any]]:
    """What `save_trained` wrote: network, recipe. Raises ValueError naming a file that is not."""
    network = EquivariantMotion()
    try:
        content = torch.load(path, weights_only=True)
        network.load_state_dict(content["network"])
        return network.eval(), content["recipe"]
    except (OSError, LookupError, TypeError, RuntimeError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path}: not a trained network of motion prediction, or one of another version") from error


def _part(scenes: Scenes, start: float, end: float) -> Scenes:
    rows = slice(round(start * len(scenes)), round(end * len(scenes)))
    return Scenes(scenes.positions[rows], scenes.kinds[rows])


def _draw(scenes: Scenes, count: int, random: np.random.Generator) -> Scenes:
    rows = random.integers(0, len(scenes), count)
    return Scenes(scenes.positions[rows], scenes.kinds[rows])


def _given(positions: Array, history: Array, random: np.random.Generator) -> Array:
    """Velocities (S,A,2) as a tracker has them: NaN for half of the agents, whose history must tell.

    Those of a long history lag behind, as those of a filter do; those of a short one are the true ones, roughly.
    """
    count, agents = history.shape[:2]
    lagging, _ = fitted_velocities(history[:, :, -LAGGING:].reshape(-1, LAGGING, 2))
    true = (positions[:, :, HISTORY - 1] - positions[:, :, HISTORY - 3]) / (2.0 * STEP_S)
    rough = true + random.normal(0.0, GIVEN_MPS, true.shape)
    long = np.isfinite(history[:, :, -LAGGING:, 0]).sum(axis=2) >= LAGGING // 2
    given = np.where(long[..., None], lagging.reshape(count, agents, 2), rough)
    given[random.random((count, agents)) < 0.5] = np.nan
    return given


def _errors(related: Array, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Normal errors of unit variance (S,A,21,2), of which each is related to the one before by so much (S,1,1)."""
    fresh = random.normal(size=shape)
    errors = fresh.copy()
    for k in range(1, shape[2]):
        errors[:, :, k] = related * errors[:, :, k - 1] + np.sqrt(1.0 - related**2) * fresh[:, :, k]
    return errors
