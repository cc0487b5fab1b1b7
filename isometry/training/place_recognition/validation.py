"""Recall of a network on a drive that it is not trained on: the first part is the database, the rest the queries."""

from __future__ import annotations

import numpy as np
import torch

from isometry.models.birds_eye_encoder import BirdsEyeEncoder
from isometry.training.place_recognition.drives import Drive
from isometry.training.place_recognition.trained import full_descriptors

RADIUS = 5.0  # metres within which a retrieved frame is right
DATABASE = range(1000)
FIRST_QUERY, QUERY_EVERY = 1200, 2


class Validation:
    """Call it with a network: recall at 1 of full descriptors, and the same with every query turned by 25 degrees."""

    def __init__(self, drive: Drive) -> None:
        self.database = drive.part(DATABASE)
        self.queries = drive.part(range(FIRST_QUERY, len(drive), QUERY_EVERY))

    def __call__(self, network: BirdsEyeEncoder) -> dict[str, float]:
        """Figures for the training log."""
        database = full_descriptors(network, self.database)
        turned = {"recall_at_1": 0.0, "recall_at_1_turned": np.radians(25.0)}
        return {
            name: self._recall(database, full_descriptors(network, self.queries, turn)) for name, turn in turned.items()
        }

    def _recall(self, database: torch.Tensor, queries: torch.Tensor) -> float:
        apart = np.linalg.norm(self.queries.position[:, None] - self.database.position[None], axis=2)
        best = (queries @ database.T).argmax(dim=1).numpy()
        has_revisit = apart.min(axis=1) < RADIUS
        return float((apart[np.arange(len(best)), best] < RADIUS)[has_revisit].mean())
