"""What tracks learn from the detections of one moment: one observation for each object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from isometry.arrays import Array, Flags, Index, Integers
from isometry.tracking.detection.detector_models import detector_model, scores_are_log_odds
from isometry.tracking.detection.duplicates import owners
from isometry.tracking.types import Detections

MOST_LOG_ODDS = 20.0  # beyond, a detector is certain
LIMITS = (1e-6, 1.0 - 1e-6)  # of a score from 0 to 1, for finite log odds


@dataclass(frozen=True)
class Observations:
    """M detections, in the frame of the tracks."""

    found: Detections
    classes: NDArray[np.object_]  # (M,) `Belief` of each: probabilities by class, of all boxes of the object
    variance: Array  # (M,) of positions along x and y, metres squared
    number: Integers  # (M,) never given twice

    def __len__(self) -> int:
        return len(self.found)

    def taken(self, index: Index) -> Observations:
        """Only some of the observations."""
        return Observations(self.found.taken(index), self.classes[index], self.variance[index], self.number[index])

    @property
    def with_velocity(self) -> Flags:
        """Flags (M,) of observations that tell the velocity."""
        if self.found.velocities is None or self.found.velocity_covariances is None:
            return np.zeros(len(self), bool)
        return np.asarray(np.isfinite(self.found.velocities).all(axis=1))


def observed(found: Detections, detector: str, first_number: int) -> Observations:
    """Observations of the detections of a detector, numbered from `first_number` on.

    Boxes that lie on each other are of one object: the one of the highest score stands for all, and all have a say in
    its class.
    """
    models = [detector_model(detector, label) for label in found.labels]
    log_odds = found.scores if scores_are_log_odds(detector) else logit(np.clip(found.scores, *LIMITS))
    owner = owners(found.boxes, found.scores) if found.headings_known else np.arange(len(found))
    kept = np.flatnonzero(owner == np.arange(len(found)))
    return Observations(
        found.taken(kept),
        np.array([*_class_probabilities(found.labels, log_odds, owner), None], dtype=object)[kept],
        np.array([models[k].position_noise for k in kept]).reshape(-1) ** 2,
        first_number + np.arange(len(kept)),
    )


def _class_probabilities(labels: Sequence[str], log_odds: Array, owner: Index) -> list[dict[str, float]]:
    """Probabilities of the classes, by the detection that stands for an object; the rest of 1 is that it is none."""
    odds: list[dict[str, float]] = [{} for _ in labels]
    for k, (label, each) in enumerate(zip(labels, np.exp(np.minimum(log_odds, MOST_LOG_ODDS)).tolist(), strict=True)):
        classes, name = odds[owner[k]], label.lower()
        classes[name] = max(classes.get(name, 0.0), each)
    return [{name: each / (1.0 + sum(of.values())) for name, each in of.items()} for of in odds]
