"""Training of the bird's-eye encoder on one drive: places against all other places, oriented features across views.

Two losses. Places: each view must be nearer to the other view of its place than to every scan of the drive further
than `negative_radius` (InfoNCE, Oord et al., 2018, against a bank of descriptors refreshed while training, Wang et al.,
Cross-Batch Memory, 2020). Features: a feature, shifted by the known turn, must match its counterpart in the other view,
and not with another shift nor at another place.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from isometry.models.birds_eye_encoder import BirdsEyeEncoder
from isometry.training.common.trainer import Trainer, append_row
from isometry.training.place_recognition.drives import Drive
from isometry.training.place_recognition.losses import feature_loss, place_loss
from isometry.training.place_recognition.pairs import PairSampler
from isometry.training.place_recognition.recipe import TrainingParameters
from isometry.training.place_recognition.trained import encode, full_descriptors

COLUMNS = ("step", "minutes", "place_loss", "feature_loss", "recall_at_1", "recall_at_1_turned")
WARM_UP = 0.08  # of the steps


def train(
    drive: Drive,
    parameters: TrainingParameters,
    output: Path,
    validate: Callable[[BirdsEyeEncoder], dict[str, float]] | None = None,
    resume: Path | None = None,
) -> BirdsEyeEncoder:
    """Train on a drive and return the network with averaged weights.

    Writes `checkpoint.pt` and `log.csv` into `output` at each refresh of the descriptor bank.
    """
    output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(parameters.seed)
    sampler = PairSampler(drive, parameters, np.random.default_rng(parameters.seed))
    network = BirdsEyeEncoder(size=drive.grid.size, cap=drive.grid.cap)
    trainer = Trainer(network, parameters, WARM_UP)
    if resume is not None:
        trainer.load(resume)
    began, first = time.perf_counter(), trainer.step
    losses: list[tuple[float, float]] = []
    bank = full_descriptors(trainer.network, drive)
    while True:
        if trainer.step % parameters.refresh_every == 0 or trainer.step == parameters.steps:
            bank = full_descriptors(trainer.network, drive)
            row = {"step": trainer.step, "minutes": (time.perf_counter() - began) / 60}
            if losses:
                row["place_loss"], row["feature_loss"] = np.mean(losses, axis=0)
            if validate is not None and trainer.step > first:
                row |= validate(trainer.result)
            append_row(output / "log.csv", COLUMNS, row)
            trainer.save(output / "checkpoint.pt")
            losses = []
        if trainer.step == parameters.steps:
            return trainer.result.eval()
        trainer.network.train()
        batch = sampler.draw(bank)
        descriptors, local = encode(trainer.network, batch.images)
        place = place_loss(descriptors, batch, bank, drive, parameters)
        feature = feature_loss(local, batch, drive, parameters)
        trainer.advance(place + parameters.feature_weight * feature)
        bank[batch.frames] = descriptors.detach()
        losses.append((place.item(), feature.item()))
