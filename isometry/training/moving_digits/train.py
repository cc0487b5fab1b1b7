"""Training of a network that predicts moving digits: ten images in, the next ten predicted."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isometry.datasets.moving_digits import SEEN, SIZE, WIDEST, Motion, MovingDigits
from isometry.models.flow_predictor import FlowPredictor, PlainPredictor
from isometry.models.layers.flow.translation_flows import TranslationFlows
from isometry.models.layers.so2.polar_grid import PolarGrid
from isometry.training.common.trained import reading, write_trained
from isometry.training.common.trainer import Loss, Progress, Trainer, no_progress
from isometry.training.moving_digits.recipe import MovingDigitsTrainingParameters

Predictor = FlowPredictor | PlainPredictor
NETWORKS = ("flow", "plain")
PREDICTED = 10  # images that the loss is of
CELLS_PER_TURN = 2  # of the polar grid in a step of 10 degrees
COLUMNS = ("step", "minutes", "loss", "error", "error_unseen")
WARM_UP = 0.1  # of the steps
VALIDATION = 32  # sequences


def train(
    motion: Motion,
    network: str,
    parameters: MovingDigitsTrainingParameters,
    output: Path,
    resume: Path | None = None,
    progress: Progress = no_progress,
) -> Predictor:
    """Train on the digits for training and return the network with averaged weights.

    `resume` is a checkpoint to go on from. Writes `log.csv`, `checkpoint.pt` and the network so far into `output`. The
    log's errors are mean squared ones on other digits, at the velocities trained on and at the widest.
    """
    data = MovingDigits(motion, parameters.fastest, training=True)
    held = {
        "error": held_sequences(motion, parameters.fastest),
        "error_unseen": held_sequences(motion, WIDEST[motion]),
    }
    trainer = Trainer(
        lambda: new_network(network, motion, parameters.hidden, parameters.maps), parameters, WARM_UP, resume
    )

    def step(network: Predictor, random: np.random.Generator) -> Loss:
        loss = error(network, torch.from_numpy(data.sequences(random, parameters.batch, SEEN + PREDICTED)))
        return loss, {"loss": loss.item()}

    def validate(result: Predictor) -> dict[str, float]:
        return {name: error(result, sequences).item() for name, sequences in held.items()}

    def save(result: Predictor) -> None:
        path = output / f"moving_digits_{motion}_{network}.pt"
        write_trained(path, result, asdict(parameters), name=network, motion=motion)

    return trainer.run(step, validate, output, COLUMNS, parameters.checkpoint_every, save, progress)


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


def held_sequences(motion: Motion, fastest: int) -> Tensor:
    """Sequences (N,T,S,S) of digits that are not trained on."""
    data = MovingDigits(motion, fastest, training=False)
    return torch.from_numpy(data.sequences(np.random.default_rng(1), VALIDATION, SEEN + PREDICTED))


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


def error(network: Predictor, sequences: Tensor) -> Tensor:
    """Mean squared error of what follows the first ten images of sequences (N,T,S,S)."""
    predicted = predict(network, sequences[:, :SEEN], sequences.shape[1] - SEEN)
    return (predicted - sequences[:, SEEN:]).square().mean()


def load_trained(path: Path) -> tuple[Predictor, str, Motion, dict[str, Any]]:
    """The network, name, motion and recipe that `train` wrote. Raises ValueError naming a file that is not one."""
    with reading(path, "a trained network for moving digits") as content:
        recipe = content["recipe"]
        network = new_network(content["name"], content["motion"], recipe["hidden"], recipe["maps"])
        network.load_state_dict(content["network"])
        return network.eval(), content["name"], content["motion"], recipe
