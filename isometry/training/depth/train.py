"""Training of the depth network: on rooms with measured depth, and on drives by how their images move."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isometry.models.depth_network import FOCAL, DepthNetwork
from isometry.training.common.trained import reading, write_trained
from isometry.training.common.trainer import Loss, Progress, Trainer, no_progress
from isometry.training.depth.augmentation import Example, draw
from isometry.training.depth.drives import Drive, PairExample, draw_pair
from isometry.training.depth.losses import measured_losses
from isometry.training.depth.motion_losses import Pairs, motion_losses
from isometry.training.depth.motions import DepthWithMotions
from isometry.training.depth.recipe import DepthTrainingParameters
from isometry.training.depth.rooms import Room
from isometry.training.depth.validation import Validation

MEASURED, MOVED = ("depth", "edges", "scale", "normals"), ("photometric", "smooth", "split")
COLUMNS = ("step", "minutes", *MEASURED, *MOVED, "abs_rel", "abs_rel_scaled", "inside_2_sigma")
WARM_UP = 0.05  # of the steps


def train(
    rooms: Sequence[Room],
    drives: Sequence[Drive],
    held: Sequence[Room],
    parameters: DepthTrainingParameters,
    output: Path,
    device: str = "cpu",
    resume: Path | None = None,
    progress: Progress = no_progress,
) -> DepthWithMotions:
    """Train, and return the network with averaged weights, with the motions of the drives.

    `held` are rooms that are not trained on, whose figures are logged. `resume` is a checkpoint to go on from. Writes
    `log.csv`, `checkpoint.pt` and `depth.pt` into `output`. Raises ValueError without rooms and drives.
    """
    if not rooms and not drives:
        raise ValueError("nothing to train on: neither a room with depth nor a drive")
    guesses = np.concatenate([np.zeros((0, 4, 4)), *(drive.T_source_target for drive in drives)])
    trainer = Trainer(lambda: DepthWithMotions(guesses, parameters.motion_rate).to(device), parameters, WARM_UP, resume)
    validation = Validation(held, device)

    def save(result: DepthWithMotions) -> None:
        network = copy.deepcopy(result.network).cpu()
        write_trained(output / "depth.pt", network, asdict(parameters) | {"steps_done": trainer.steps_done})

    step = DepthStep(rooms, drives, parameters, device)
    every = parameters.checkpoint_every
    return trainer.run(step, lambda result: validation(result.network), output, COLUMNS, every, save, progress)


class DepthStep:
    """A step of the training: the images of rooms and of drives go through the network together."""

    def __init__(
        self, rooms: Sequence[Room], drives: Sequence[Drive], parameters: DepthTrainingParameters, device: str
    ) -> None:
        self.rooms, self.drives, self.parameters, self.device = rooms, drives, parameters, device
        # a room is drawn as often as the root of the number of its frames says: few frames tell less
        frequency = np.sqrt([len(room) for room in rooms])
        self.frequency = frequency / max(frequency.sum(), 1.0)
        self.of_pair = [(drive, k) for drive in drives for k in range(len(drive))]

    def __call__(self, trained: DepthWithMotions, random: np.random.Generator) -> Loss:
        """The sum of the losses of a random batch, and the losses."""
        trained.train()
        examples = [self._example(random) for _ in range(self.parameters.batch if self.rooms else 0)]
        chosen = random.integers(max(len(self.of_pair), 1), size=self.parameters.pairs if self.of_pair else 0)
        pairs = [draw_pair(drive, pair, random) for drive, pair in (self.of_pair[k] for k in chosen)]
        images = np.stack([*(each.image for each in examples), *(each.target for each in pairs)])
        found = trained.network(self._tensor(images))
        losses: dict[str, Tensor] = {}
        if examples:
            depth = self._tensor(np.stack([each.depth for each in examples]))
            normals = self._tensor(np.stack([each.normals for each in examples]))
            of_rooms = tuple(output[: len(examples)] for output in found)
            losses |= measured_losses(of_rooms, depth, normals, self.parameters)
        if pairs:
            batch = self._pairs(pairs)
            metres = found[0][len(examples) :] * (batch.matrix[:, 1, 1] / FOCAL)[:, None, None]
            motions = trained.motions(torch.from_numpy(chosen).to(self.device))
            losses |= motion_losses(batch, metres, motions, self.parameters)
        logged = {name: float(losses[name].detach()) if name in losses else 0.0 for name in (*MEASURED, *MOVED)}
        return torch.stack(list(losses.values())).sum(), logged

    def _example(self, random: np.random.Generator) -> Example:
        room = self.rooms[int(random.choice(len(self.rooms), p=self.frequency))]
        return draw(room, int(random.integers(len(room))), self.parameters, random)

    def _pairs(self, pairs: Sequence[PairExample]) -> Pairs:
        width = max(each.source.shape[2] for each in pairs)
        height = max(each.source.shape[1] for each in pairs)

        def padded(image: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, np.dtype[np.float32]]:
            return np.pad(image, ((0, 0), (0, height - image.shape[1]), (0, width - image.shape[2])), mode="edge")

        return Pairs(
            self._tensor(np.stack([each.target for each in pairs])),
            self._tensor(np.stack([padded(each.source) for each in pairs])),
            self._tensor(np.stack([each.flow for each in pairs])),
            self._tensor(np.stack([each.matrix for each in pairs])),
            self._tensor(np.stack([each.source_matrix for each in pairs])),
        )

    def _tensor(self, array: np.ndarray[Any, Any]) -> Tensor:
        return torch.from_numpy(np.asarray(array, np.float32)).to(self.device)


def load_trained(path: Path) -> tuple[DepthNetwork, dict[str, Any]]:
    """The network and the recipe that `train` wrote. Raises ValueError naming a file that is not one."""
    with reading(path, "a trained depth network") as content:
        network = DepthNetwork()
        network.load_state_dict(content["network"])
        return network.eval(), content["recipe"]
