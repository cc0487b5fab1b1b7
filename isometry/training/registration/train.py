"""Training of a feature network of registration on pairs of clouds whose transform is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from isometry.models.point_pair_transformer import PointPairTransformer
from isometry.models.position_aware_network import PositionAwareNetwork
from isometry.training.common.trained import reading, write_trained
from isometry.training.common.trainer import Loss, Progress, Trainer, no_progress
from isometry.training.registration.correspondences import Example, example_of
from isometry.training.registration.losses import pair_loss
from isometry.training.registration.pairs import augmented, load_pair, split
from isometry.training.registration.recipe import RegistrationTrainingParameters
from isometry.training.registration.validation import validation_figures

NETWORKS: dict[str, type[nn.Module]] = {"equivariant": PositionAwareNetwork, "invariant": PointPairTransformer}
VALIDATION = 4  # pairs of each kind that are not trained on
COLUMNS = ("step", "minutes", "fine", "coarse", "rotation", "inlier_ratio", "coarse_inlier_ratio", "rotation_deg")
WARM_UP = 0.05  # of the steps


def train(
    folder: Path,
    network: str,
    parameters: RegistrationTrainingParameters,
    output: Path,
    resume: Path | None = None,
    start: Path | None = None,
    progress: Progress = no_progress,
) -> nn.Module:
    """Train on the prepared pairs of a folder and return the network with averaged weights.

    `resume` is a checkpoint to go on from; `start` a trained network whose weights are the first ones. Writes
    `log.csv`, `checkpoint.pt` and the network so far into `output`. Pairs that are prepared meanwhile are used too.
    """
    trainer = Trainer(lambda: first_network(network, start), parameters, WARM_UP, resume)

    def step(network: nn.Module, random: np.random.Generator) -> Loss:
        kept, _ = split(folder, VALIDATION)
        return pair_loss(network, draw(kept, random), parameters)

    def validate(result: nn.Module) -> dict[str, float]:
        _, held = split(folder, VALIDATION)
        return validation_figures(result, held)

    def save(result: nn.Module) -> None:
        recipe = asdict(parameters) | {"steps_done": trainer.steps_done}
        write_trained(output / f"registration_{network}.pt", result, recipe, name=network)

    return trainer.run(step, validate, output, COLUMNS, parameters.checkpoint_every, save, progress)


def new_network(name: str) -> nn.Module:
    """An untrained network. Raises ValueError for a name that is none."""
    if name not in NETWORKS:
        raise ValueError(f"no registration network {name!r}, only {', '.join(NETWORKS)}")
    return NETWORKS[name]()


def first_network(name: str, start: Path | None) -> nn.Module:
    """An untrained network, or with the weights of the file `start`. Raises ValueError naming a file that is none."""
    network = new_network(name)
    if start is not None:
        trained, _, _ = load_trained(start)
        try:
            network.load_state_dict(trained.state_dict())
        except RuntimeError as error:
            raise ValueError(f"{start}: not a {name} network") from error
    return network


def draw(files: Sequence[Path], random: np.random.Generator) -> Example:
    """A random pair, augmented, with enough matches to learn from; each kind is as frequent as any other."""
    kinds = sorted({path.name.rsplit("_", 1)[0] for path in files})
    while True:
        kind = kinds[int(random.integers(len(kinds)))]
        of_kind = [path for path in files if path.name.rsplit("_", 1)[0] == kind]
        example = example_of(augmented(load_pair(of_kind[int(random.integers(len(of_kind)))]), random))
        if example is not None:
            return example


def load_trained(path: Path) -> tuple[nn.Module, str, dict[str, Any]]:
    """The network, its name and the recipe that `train` wrote. Raises ValueError naming a file that is not one."""
    with reading(path, "a trained registration network") as content:
        network = new_network(content["name"])
        network.load_state_dict(content["network"])
        return network.eval(), content["name"], content["recipe"]
