"""Pairs of views of one place, a share of them of places that the network confuses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isometry.arrays import Array
from isometry.training.place_recognition.drives import Augmentation, Drive
from isometry.training.place_recognition.recipe import PlaceRecognitionTrainingParameters


@dataclass(frozen=True)
class Batch:
    """Pairs of views: rows 2k and 2k+1 show one place."""

    frames: NDArray[np.int64]  # (2P,)
    turns: Array  # (2P,) radians by which each was turned
    images: Tensor  # (2P,1,S,S)


class PairSampler:
    """Draws pairs of views of a drive; a share of the places is drawn among those that the network confuses."""

    def __init__(self, drive: Drive, parameters: PlaceRecognitionTrainingParameters) -> None:
        self.drive, self.parameters = drive, parameters
        self.positives = [drive.near(k, parameters.positive_radius) for k in range(len(drive))]
        gap = parameters.revisit_gap
        self.revisits = [other[np.abs(other - k) > gap] for k, other in enumerate(self.positives)]
        self.revisited = np.array([k for k, other in enumerate(self.revisits) if len(other)])

    def draw(self, bank: Tensor, random: np.random.Generator) -> Batch:
        """One batch; `bank` (N,D) holds the descriptors by which look-alikes are found."""
        anchors = self._anchors(bank, random)
        partners = [self._partner(int(anchor), random) for anchor in anchors]
        frames = np.stack([anchors, partners], axis=1).ravel()
        turns = random.uniform(-np.pi, np.pi, len(frames))
        augmentation = Augmentation()
        views = [self.drive.render(int(f), t, random, augmentation) for f, t in zip(frames, turns, strict=True)]
        return Batch(frames, turns, torch.from_numpy(np.stack(views)[:, None]).float())

    def _anchors(self, bank: Tensor, random: np.random.Generator) -> NDArray[np.int64]:
        parameters = self.parameters
        alike = int(parameters.pairs * parameters.look_alikes) // 2
        seeds = [self._any(random) for _ in range(parameters.pairs - alike)]
        chosen = list(seeds)
        for seed in seeds[:alike]:
            distance = np.linalg.norm(self.drive.position - self.drive.position[seed], axis=1)
            similarity = (bank @ bank[seed]).numpy().copy()
            similarity[distance < parameters.negative_radius] = -1.0
            hardest = np.argpartition(-similarity, 10)[:10]
            chosen.append(int(random.choice(hardest)))
        return np.array(chosen)

    def _any(self, random: np.random.Generator) -> int:
        if len(self.revisited) and random.random() < 0.5:
            return int(random.choice(self.revisited))
        return int(random.integers(len(self.drive)))

    def _partner(self, anchor: int, random: np.random.Generator) -> int:
        revisits, positives = self.revisits[anchor], self.positives[anchor]
        if len(revisits) and random.random() < 0.8:
            return int(random.choice(revisits))
        return int(random.choice(positives)) if len(positives) else anchor
