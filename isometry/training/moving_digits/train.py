"""Training of a network that predicts moving digits: ten images in, the next ten predicted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isometry.datasets.moving_digits import SEEN, SIZE, WIDEST, Motion, MovingDigits
from isometry.models.flow_predictor import FlowPredictor, PlainPredictor
from isometry.models.layers.flow.translation_flows import TranslationFlows
from isometry.models.layers.so2.polar_grid import PolarGrid
from isometry.parameters import parameter
from isometry.training.common.trainer import Trainer, append_row, reading, write_whole

Predictor = FlowPredictor | PlainPredictor
NETWORKS = ("flow", "plain")
PREDICTED = 10  # images that the loss is of
CELLS_PER_TURN = 2  # of the polar grid in a step of 10 degrees
COLUMNS = ("step", "minutes", "loss", "error", "error_unseen")
WARM_UP = 0.1  # of the steps
VALIDATION = 32  # sequences


@dataclass(frozen=True)
class MovingDigitsParameters:
    """The recipe, the same for both networks."""

    steps: int = parameter(400, "optimiser steps", 1)
    batch: int = parameter(16, "sequences in a step", 1)
    hidden: int = parameter(32, "channels of the memory, at each velocity", 1)
    maps: int = parameter(2, "channels of it that the image is made of", 1)
    fastest: int = parameter(1, "cells, or turns of 10 degrees, a step: velocities trained on, either way", 0)
    learning_rate: float = parameter(2e-3, "at its highest; one warm-up and a cosine", 0.0)
    weight_decay: float = parameter(1e-5, "of AdamW", 0.0)
    average: float = parameter(0.98, "decay of the averaged weights that are kept", 0.0, 1.0)
    checkpoint_every: int = parameter(50, "steps between two checkpoints and rows of the log", 1)
    seed: int = parameter(0, "of every random process", 0)


def new_network(name: str, motion: Motion, hidden: int, maps: int) -> Predictor:
    """An untrained network for velocities up to the widest. Raises ValueError for a name that is none.

    The ordinary one has a kernel that reaches as far as the fastest digits move in a step: 5 x 5.
    """
    if name not in NETWORKS:
        raise ValueError(f"no network {name!r} predicts moving digits, only {', '.join(NETWORKS)}")
    fastest = WIDEST[motion]
    if name == "plain":
        return PlainPredictor(hidden, maps, kernel_size=5, circular=motion == "translating")
    if motion == "translating":
        return FlowPredictor(hidden, maps, TranslationFlows(fastest, circular=True))
    polar = PolarGrid(SIZE[motion], 36 * CELLS_PER_TURN)
    return FlowPredictor(hidden, maps, TranslationFlows((0, fastest), circular=True, stride=CELLS_PER_TURN), polar)


def predict(network: Predictor, images: Tensor, count: int) -> Tensor:
    """The `count` images that follow images (N,T,S,S): (N,count,S,S)."""
    sequence = images[:, :, None].unbind(1)
    size = images.shape[-1]
    if isinstance(network, FlowPredictor):
        memory, displacement = network.start(size, size, len(images))
        for image in sequence:
            memory, displacement = network.remember(image, memory, displacement)
        return torch.cat([network.read(ahead, memory, displacement) for ahead in range(1, count + 1)], dim=1)
    (hidden,) = network.start(size, size, len(images))
    for image in sequence:
        predicted, hidden = network(image, hidden)
    following = [predicted]
    while len(following) < count:
        predicted, hidden = network(predicted, hidden)
        following.append(predicted)
    return torch.cat(following, dim=1)


def train(
    motion: Motion,
    network: str,
    parameters: MovingDigitsParameters,
    output: Path,
    resume: Path | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Predictor:
    """Train on the digits for training and return the network with averaged weights.

    Writes `checkpoint.pt`, the trained network so far and `log.csv` into `output` every so many steps. The log's errors
    are mean squared ones on other digits, at the velocities trained on and at the widest.
    """
    output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(parameters.seed)
    trainer = Trainer(new_network(network, motion, parameters.hidden, parameters.maps), parameters, WARM_UP)
    if resume is not None:
        trainer.load(resume)
    random = np.random.default_rng([parameters.seed, trainer.step])
    data = MovingDigits(motion, parameters.fastest, training=True)
    length = SEEN + PREDICTED
    held = [
        torch.from_numpy(
            MovingDigits(motion, fastest, training=False).sequences(np.random.default_rng(1), VALIDATION, length)
        )
        for fastest in (parameters.fastest, WIDEST[motion])
    ]
    began = time.perf_counter()
    losses: list[float] = []
    while trainer.step < parameters.steps:
        loss = error(trainer.network, torch.from_numpy(data.sequences(random, parameters.batch, length)))
        trainer.advance(loss)
        losses.append(loss.item())
        progress(trainer.step, parameters.steps)
        if trainer.step % parameters.checkpoint_every == 0 or trainer.step == parameters.steps:
            with torch.no_grad():
                errors = [error(trainer.result, sequences).item() for sequences in held]
            minutes = (time.perf_counter() - began) / 60.0
            figures = (trainer.step, minutes, float(np.mean(losses)), *errors)
            append_row(output / "log.csv", COLUMNS, dict(zip(COLUMNS, figures, strict=True)))
            trainer.save(output / "checkpoint.pt")
            save_trained(trainer.result, network, motion, parameters, output / f"moving_digits_{motion}_{network}.pt")
            losses = []
    return trainer.result.eval()


def error(network: Predictor, sequences: Tensor) -> Tensor:
    """Mean squared error of what follows the first ten images of sequences (N,T,S,S)."""
    predicted = predict(network, sequences[:, :SEEN], sequences.shape[1] - SEEN)
    return (predicted - sequences[:, SEEN:]).square().mean()


def save_trained(network: Predictor, name: str, motion: Motion, parameters: MovingDigitsParameters, path: Path) -> None:
    """Write a trained network with its name, motion and recipe for the export."""
    content = {"name": name, "motion": motion, "network": network.state_dict(), "recipe": asdict(parameters)}
    write_whole(content, path)


def load_trained(path: Path) -> tuple[Predictor, str, Motion, dict[str, Any]]:
    """What `save_trained` wrote: network, name, motion, recipe. Raises ValueError naming a file that is not."""
    with reading(path, "a trained network for moving digits") as content:
        recipe = content["recipe"]
        network = new_network(content["name"], content["motion"], recipe["hidden"], recipe["maps"])
        network.load_state_dict(content["network"])
        return network.eval(), content["name"], content["motion"], recipe
