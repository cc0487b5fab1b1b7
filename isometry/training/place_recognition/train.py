"""Training of the bird's-eye encoder on one drive: places against all other places, oriented features across views.

Two losses. Places: each view must be nearer to the other view of its place than to every scan of the drive further
than `negative_radius` (InfoNCE, Oord et al., 2018, against a bank of descriptors refreshed while training, Wang et al.,
Cross-Batch Memory, 2020). Features: a feature, shifted by the known turn, must match its counterpart in the other view,
and not with another shift nor at another place.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from isometry.models.birds_eye_encoder import BirdsEyeEncoder
from isometry.training.common.trainer import Loss, Progress, Trainer, no_progress
from isometry.training.place_recognition.drives import Drive
from isometry.training.place_recognition.losses import feature_loss, place_loss
from isometry.training.place_recognition.pairs import PairSampler
from isometry.training.place_recognition.recipe import PlaceRecognitionTrainingParameters
from isometry.training.place_recognition.trained import encode, full_descriptors
from isometry.training.place_recognition.validation import Validation

COLUMNS = ("step", "minutes", "place_loss", "feature_loss", "recall_at_1", "recall_at_1_turned")
WARM_UP = 0.08  # of the steps


def train(
    drive: Drive,
    parameters: PlaceRecognitionTrainingParameters,
    output: Path,
    validation: Validation | None = None,
    resume: Path | None = None,
    progress: Progress = no_progress,
) -> BirdsEyeEncoder:
    """Train on a drive and return the network with averaged weights.

    `resume` is a checkpoint to go on from. Writes `log.csv` and `checkpoint.pt` into `output`, before the first step
    and at each refresh of the descriptor bank.
    """
    trainer = Trainer(lambda: BirdsEyeEncoder(size=drive.grid.size, cap=drive.grid.cap), parameters, WARM_UP, resume)
    trainer.record(output, COLUMNS, {})

    def validate(result: BirdsEyeEncoder) -> dict[str, float]:
        return {} if validation is None else validation(result)

    step = PlaceStep(drive, parameters)
    return trainer.run(step, validate, output, COLUMNS, parameters.refresh_every, progress=progress)


class PlaceStep:
    """A step of the training. It keeps the bank: full descriptors (N,D) of all scans of the drive."""

    def __init__(self, drive: Drive, parameters: PlaceRecognitionTrainingParameters) -> None:
        self.drive, self.parameters = drive, parameters
        self.sampler = PairSampler(drive, parameters)
        self.bank = torch.zeros(0)
        self.done = 0

    def __call__(self, network: BirdsEyeEncoder, random: np.random.Generator) -> Loss:
        """The loss of a random batch, whose descriptors enter the bank; all of it is refreshed now and then."""
        if self.done % self.parameters.refresh_every == 0:
            self.bank = full_descriptors(network, self.drive)
        self.done += 1
        network.train()
        batch = self.sampler.draw(self.bank, random)
        descriptors, local = encode(network, batch.images)
        place = place_loss(descriptors, batch, self.bank, self.drive, self.parameters)
        feature = feature_loss(local, batch, self.drive, self.parameters)
        self.bank = self.bank.clone()  # the loss still needs the old one for its gradient
        self.bank[batch.frames] = descriptors.detach()
        loss = place + self.parameters.feature_weight * feature
        return loss, {"place_loss": place.item(), "feature_loss": feature.item()}
