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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isometry.models.birds_eye_encoder import BirdsEyeEncoder
from isometry.models.layers.cyclic_convolution import ORIENTATIONS, orientation_shift
from isometry.parameters import parameter
from isometry.sensing.birds_eye import BirdsEyeGrid
from isometry.training.drives import Augmentation, Drive


@dataclass(frozen=True)
class TrainingParameters:
    """The recipe."""

    steps: int = parameter(2400, "optimiser steps", 1)
    pairs: int = parameter(24, "pairs of views in a batch", 2)
    look_alikes: float = parameter(0.5, "share of the pairs drawn among places that look alike", 0.0, 1.0)
    positive_radius: float = parameter(4.0, "metres within which two scans show one place", 0.0)
    negative_radius: float = parameter(7.0, "metres beyond which two scans show two places", 0.0)
    revisit_gap: int = parameter(100, "frames apart from which a scan counts as another visit", 1)
    temperature: float = parameter(0.05, "of the places' loss", 1e-3)
    feature_temperature: float = parameter(0.07, "of the features' loss", 1e-3)
    feature_weight: float = parameter(0.3, "of the features' loss in the sum", 0.0)
    features_per_pair: int = parameter(48, "matches sampled from each pair", 2)
    learning_rate: float = parameter(1e-3, "at its highest; one warm-up and a cosine", 0.0)
    weight_decay: float = parameter(1e-4, "of AdamW", 0.0)
    average: float = parameter(0.998, "decay of the averaged weights that are kept", 0.0, 1.0)
    refresh_every: int = parameter(300, "steps between two refreshes of the descriptor bank", 1)
    seed: int = parameter(0, "of every random process", 0)


@dataclass(frozen=True)
class Batch:
    """Pairs of views: rows 2k and 2k+1 show one place."""

    frames: NDArray[np.int64]  # (2P,)
    turns: NDArray[np.float64]  # (2P,) radians by which each was turned
    images: Tensor  # (2P,1,S,S)


class PairSampler:
    """Draws pairs of views of a drive, half of them of places that the network confuses."""

    def __init__(self, drive: Drive, parameters: TrainingParameters, random: np.random.Generator) -> None:
        self.drive, self.parameters, self.random = drive, parameters, random
        near = [drive.near(k, parameters.positive_radius) for k in range(len(drive))]
        gap = parameters.revisit_gap
        self.positives = near
        self.revisits = [other[np.abs(other - k) > gap] for k, other in enumerate(near)]
        self.revisited = np.array([k for k, other in enumerate(self.revisits) if len(other)])

    def draw(self, bank: Tensor) -> Batch:
        """One batch; `bank` (N,D) holds the descriptors by which look-alikes are found."""
        anchors = self._anchors(bank)
        others = [self._partner(int(a)) for a in anchors]
        frames = np.stack([anchors, others], axis=1).ravel()
        turns = self.random.uniform(-np.pi, np.pi, len(frames))
        views = [self.drive.render(int(f), t, self.random, Augmentation()) for f, t in zip(frames, turns, strict=True)]
        return Batch(frames, turns, torch.from_numpy(np.stack(views)[:, None]).float())

    def _anchors(self, bank: Tensor) -> NDArray[np.int64]:
        parameters = self.parameters
        alike = int(parameters.pairs * parameters.look_alikes) // 2
        seeds = [self._any() for _ in range(parameters.pairs - alike)]
        chosen = list(seeds)
        for seed in seeds[:alike]:
            distance = np.linalg.norm(self.drive.position - self.drive.position[seed], axis=1)
            similarity = (bank @ bank[seed]).numpy().copy()
            similarity[distance < parameters.negative_radius] = -1.0
            hardest = np.argpartition(-similarity, 10)[:10]
            chosen.append(int(self.random.choice(hardest)))
        return np.array(chosen)

    def _any(self) -> int:
        if len(self.revisited) and self.random.random() < 0.5:
            return int(self.random.choice(self.revisited))
        return int(self.random.integers(len(self.drive)))

    def _partner(self, anchor: int) -> int:
        revisits, positives = self.revisits[anchor], self.positives[anchor]
        if len(revisits) and self.random.random() < 0.8:
            return int(self.random.choice(revisits))
        return int(self.random.choice(positives)) if len(positives) else anchor


def place_loss(descriptors: Tensor, batch: Batch, bank: Tensor, drive: Drive, parameters: TrainingParameters) -> Tensor:
    """InfoNCE of full descriptors (2P,D) against each other and against the bank (N,D)."""
    position = torch.from_numpy(drive.position)
    here = position[batch.frames]
    among = torch.cdist(here, here)
    far = torch.cdist(here, position) > parameters.negative_radius
    logits = descriptors @ descriptors.T / parameters.temperature
    itself = torch.eye(len(descriptors), dtype=torch.bool)
    positive = (among < parameters.positive_radius) & ~itself
    negative = among > parameters.negative_radius
    against_bank = (descriptors @ bank.T / parameters.temperature).masked_fill(~far, -torch.inf)
    strangers = torch.cat([logits.masked_fill(~negative, -torch.inf), against_bank], dim=1).logsumexp(1, keepdim=True)
    loss = torch.logaddexp(logits, strangers) - logits
    weight = positive / positive.sum(dim=1, keepdim=True).clamp_min(1)
    return (loss * weight).sum() / len(descriptors)


def feature_loss(local: Tensor, batch: Batch, drive: Drive, parameters: TrainingParameters) -> Tensor:
    """InfoNCE of oriented features (2P,64,H,W) over sampled matches between the views of each pair."""
    local = nn.functional.normalize(local, dim=1)
    half_width = drive.grid.half_width
    size = local.shape[-1]
    occupied = nn.functional.max_pool2d(batch.images, batch.images.shape[-1] // size)[:, 0] > 0
    losses = []
    for k in range(0, len(local), 2):
        cells = torch.nonzero(occupied[k])
        cells = cells[torch.randperm(len(cells))[: parameters.features_per_pair]]
        xy = (cells + 0.5) * (2.0 * half_width / size) - half_width
        moved, turn = carry_over(xy.double().numpy(), batch, k, drive)
        inside = torch.from_numpy(np.hypot(*moved.T) < half_width - 1.0)
        if int(inside.sum()) < 8:
            continue
        here = local[k][:, cells[inside, 0], cells[inside, 1]].T.unflatten(1, (ORIENTATIONS, -1))
        there = torch.from_numpy(moved).float()[inside] / half_width
        grid = there.flip(1)[None, None]  # grid_sample takes (column, row)
        found = nn.functional.grid_sample(local[k + 1][None], grid, align_corners=False)[0, :, 0].T
        found = nn.functional.normalize(found, dim=1)
        eighths = torch.full((len(here),), turn / (2.0 * np.pi) * ORIENTATIONS)
        shifts = [orientation_shift(here, eighths + s).flatten(1) for s in range(ORIENTATIONS)]
        scores = torch.cat([shift @ found.T for shift in shifts], dim=0).T / parameters.feature_temperature
        separation = torch.cdist(there, there) * half_width
        near = (separation < 3.0) & ~torch.eye(len(here), dtype=torch.bool)
        scores = scores.masked_fill(near.repeat(1, ORIENTATIONS), -torch.inf)
        losses.append(nn.functional.cross_entropy(scores, torch.arange(len(here))))
    return torch.stack(losses).mean() if losses else local.sum() * 0.0


def carry_over(xy: NDArray[np.float64], batch: Batch, k: int, drive: Drive) -> tuple[NDArray[np.float64], float]:
    """Where points (M,2) of view k lie in view k + 1, in metres, and by how many radians things turned in between."""
    first, second = batch.frames[k], batch.frames[k + 1]
    world = xy @ _turning(drive.yaw[first] - batch.turns[k]).T + drive.position[first]
    moved = (world - drive.position[second]) @ _turning(batch.turns[k + 1] - drive.yaw[second]).T
    return moved, float(drive.yaw[first] - batch.turns[k] - drive.yaw[second] + batch.turns[k + 1])


def _turning(angle: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]])


@torch.no_grad()
def full_descriptors(network: BirdsEyeEncoder, drive: Drive, turn: float = 0.0, seed: int = 0) -> Tensor:
    """Full descriptors (N,D) of every scan of a drive."""
    network.eval()
    random = np.random.default_rng(seed)
    rows = []
    for start in range(0, len(drive), 32):
        frames = range(start, min(start + 32, len(drive)))
        views = np.stack([drive.render(k, turn, random, None) for k in frames])
        images = torch.from_numpy(views[:, None]).float()
        rows.append(encode(network, images)[0])
    return torch.cat(rows)


def encode(network: BirdsEyeEncoder, images: Tensor) -> tuple[Tensor, Tensor]:
    """Full descriptors (N,D) and local features (N,64,H,W) in float32, the convolutions in bfloat16."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        local, invariants = network.backbone(images.contiguous(memory_format=torch.channels_last))
    return network.full_descriptor(invariants.float()), local.float()


def fit_projection(network: BirdsEyeEncoder, full: Tensor, power: float = 0.75) -> None:
    """Set the projection to the principal components of full descriptors (N,D), each scaled by variance^(-power/2).

    A power of 1 whitens, 0 only rotates; between, retrieval was measured to be best. Components come in the order of
    their variance before the scaling.
    """
    mean = full.mean(dim=0)
    _, singular, components = torch.linalg.svd((full - mean).double(), full_matrices=False)
    kept = min(network.projection.shape[1], len(full) - 1)
    deviation = singular[:kept] / len(full) ** 0.5
    network.mean.copy_(mean)
    network.projection.zero_()
    network.projection[:, :kept] = (components[:kept].T * deviation ** (-power)).float()


def fit_distance_map(network: BirdsEyeEncoder, full: Tensor, drive: Drive, steps: int = 24) -> NDArray[np.float64]:
    """Descriptor distances and the median metres between scans so far apart: (2, steps), both increasing.

    From pairs of scans within 30 m of each other, of which the full descriptors (N,D) of the drive are given.
    """
    descriptors = network.project(full).numpy()
    first, second = drive.pairs_within(30.0)
    chosen = np.random.default_rng(0).permutation(len(first))[:200_000]
    first, second = first[chosen], second[chosen]
    apart = np.linalg.norm(descriptors[first] - descriptors[second], axis=1)
    metres = np.linalg.norm(drive.position[first] - drive.position[second], axis=1)
    edges = np.quantile(apart, np.linspace(0.0, 0.98, steps + 1))
    band = np.clip(np.searchsorted(edges, apart, side="right") - 1, 0, steps)
    distance = np.array([np.median(apart[band == b]) for b in range(steps)])
    median = np.array([np.median(metres[band == b]) for b in range(steps)])
    return np.stack([distance, np.maximum.accumulate(median)])


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
            raise ValueError(f"{path}: not a checkpoint of this training ({str(error).splitlines()[0]})") from error

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


def save_trained(network: BirdsEyeEncoder, drive: Drive, parameters: TrainingParameters, path: Path) -> None:
    """Fit what is fitted after training, and write the network with its grid and recipe for the export."""
    full = full_descriptors(network, drive)
    fit_projection(network, full)
    content = {
        "network": network.state_dict(),
        "grid": asdict(drive.grid),
        "distance_map": torch.from_numpy(fit_distance_map(network, full, drive)),
        "recipe": asdict(parameters),
    }
    temporary = path.with_name(path.name + ".tmp")
    torch.save(content, temporary)
    temporary.replace(path)


def load_trained(path: Path) -> tuple[BirdsEyeEncoder, BirdsEyeGrid, NDArray[np.float64], dict[str, Any]]:
    """What `save_trained` wrote: network, grid, distance map, recipe. Raises ValueError naming a file that is not."""
    try:
        content = torch.load(path, weights_only=True)
        grid = BirdsEyeGrid(**content["grid"])
        network = BirdsEyeEncoder(size=grid.size, cap=grid.cap)
        network.load_state_dict(content["network"])
        return network.eval(), grid, content["distance_map"].numpy(), content["recipe"]
    except (OSError, LookupError, TypeError, RuntimeError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path}: not a trained place recognition network ({str(error).splitlines()[0]})") from error


def append_row(path: Path, row: dict[str, float]) -> None:
    """Append one row of figures to a CSV log, its header first."""
    columns = ["step", "minutes", "place_loss", "feature_loss", "recall_at_1", "recall_at_1_turned"]
    fresh = not path.exists()
    with path.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        if fresh:
            writer.writeheader()
        writer.writerow({key: round(value, 5) for key, value in row.items()})
