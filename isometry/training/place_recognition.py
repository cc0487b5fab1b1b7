"""Training of the bird's-eye encoder on one drive: places against all other places, oriented features across views.

Two losses. Places: each view must be nearer to the other view of its place than to every scan of the drive further
than `negative_radius` (InfoNCE, Oord et al., 2018, against a bank of descriptors refreshed while training, Wang et al.,
Cross-Batch Memory, 2020). Features: a feature, shifted by the known turn, must match its counterpart in the other view,
and not with another shift nor at another place.
"""

from __future__ import annotations

import csv
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isometry.models.birds_eye_encoder import BirdsEyeEncoder
from isometry.training.drives import Drive
from isometry.training.losses import feature_loss, place_loss
from isometry.training.pairs import PairSampler
from isometry.training.parameters import TrainingParameters
from isometry.training.trained import encode, full_descriptors


class Trainer:
    """The state of a training: what a checkpoint holds."""

    def __init__(self, drive: Drive, parameters: TrainingParameters) -> None:
        self.step = 0
        self.network = BirdsEyeEncoder(size=drive.grid.size, cap=drive.grid.cap)
        self.averaged = torch.optim.swa_utils.AveragedModel(
            self.network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(parameters.average), use_buffers=True
        )
        self.optimiser = torch.optim.AdamW(self.network.parameters(), weight_decay=parameters.weight_decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, max_lr=parameters.learning_rate, total_steps=parameters.steps + 1, pct_start=0.08
        )
        self.parts = {name: getattr(self, name) for name in ("network", "averaged", "optimiser", "schedule")}

    @property
    def result(self) -> BirdsEyeEncoder:
        """The network with averaged weights."""
        module = self.averaged.module
        assert isinstance(module, BirdsEyeEncoder)
        return module

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        state: dict[str, Any] = {name: part.state_dict() for name, part in self.parts.items()}
        torch.save(state | {"step": self.step}, path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint. Raises ValueError naming a file that is none."""
        try:
            state = torch.load(path, weights_only=True)
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
            self.step = state["step"]
        except (OSError, LookupError, RuntimeError, pickle.UnpicklingError) as error:
            raise ValueError(f"{path}: not a checkpoint of this training") from error

    def advance(self, loss: Tensor) -> None:
        """One optimiser step."""
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        self.averaged.update_parameters(self.network)
        self.step += 1


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
    trainer = Trainer(drive, parameters)
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
            append_row(output / "log.csv", row)
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


def append_row(path: Path, row: dict[str, float]) -> None:
    """Append one row of figures to a CSV log, its header first."""
    columns = ["step", "minutes", "place_loss", "feature_loss", "recall_at_1", "recall_at_1_turned"]
    fresh = not path.exists()
    with path.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        if fresh:
            writer.writeheader()
        writer.writerow({key: round(value, 5) for key, value in row.items()})
