"""A model of the errors of each detector: how exact its boxes are, and what its scores mean.

The figures of a detector are measured on recordings of it with labels: `isometry train tracking-confidence`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array


@dataclass(frozen=True)
class DetectorModel:
    """The errors and scores of one detector for one class of objects."""

    position_noise: float  # metres, standard deviation of a centre along x and y
    position_bias: float  # metres, standard deviation of the error that all detections of one object have in common
    least_gains: tuple[float, float, float]  # of a detection against a long track: z, size, yaw
    log_odds: tuple[float, float, float, float]  # that a track is an object, for each column of its `evidence`


def evidence_of(score: Array, hits: NDArray[np.int64], range_m: Array) -> Array:
    """What tells (N,4) whether tracks are of objects: 1, last score, logarithm of the hits, metres from the base.

    Detections of one object err alike, so that those beyond `TELLING_HITS` say nothing new.
    """
    return np.stack([np.ones(len(hits)), score, np.log(np.minimum(hits, TELLING_HITS)), range_m], axis=1)


def confidence(log_odds: Array, evidence: Array) -> Array:
    """Probability (N,) that tracks are of objects, by the weights `log_odds` (N,4) of their `evidence` (N,4)."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip((log_odds * evidence).sum(axis=1), -30.0, 30.0))))


TELLING_HITS = 10

UNSCORED = 0.5
"""The score that a detection without one is given."""

UNKNOWN_DETECTOR = DetectorModel(0.15, 0.1, (0.5, 0.3, 0.5), (-4.0, 8.0, 0.5, 0.0))

ANY = "any"
"""Another detector, with scores from 0 to 1."""

CLUSTERS = "clusters"
"""The detector of scans that comes with this package."""

MODELS: dict[str, dict[str, DetectorModel]] = {
    ANY: {},
    # clusters without a class are walls and bushes, whose centre depends on the part of them that is seen
    CLUSTERS: {"unknown": replace(UNKNOWN_DETECTOR, position_noise=0.5)},
    "pointrcnn": {
        "car": DetectorModel(0.05, 0.153, (0.7, 0.4, 0.65), (-4.73, 0.748, 1.13, 0.0261)),
        "pedestrian": DetectorModel(0.05, 0.064, (0.7, 0.4, 0.65), (-5.19, 1.1, 0.991, -0.00488)),
        "cyclist": DetectorModel(0.05, 0.057, (0.7, 0.4, 0.65), (-2.51, 0.367, 1.7, -0.0748)),
    },
}


def detector_model(detector: str, label: str) -> DetectorModel:
    """The model of a class name, whatever its case. Raises ValueError for an unknown detector."""
    if detector not in MODELS:
        raise ValueError(f"no detector {detector!r} is known, only {', '.join(MODELS)}")
    return MODELS[detector].get(label.lower(), UNKNOWN_DETECTOR)


def scores_are_log_odds(detector: str) -> bool:
    """Whether the scores of a detector are not from 0 to 1, but of any size."""
    return detector not in (ANY, CLUSTERS)


def detector_named(detections: str) -> str:
    """The detector whose name `detections` begins with; `any` where there is none."""
    return next((name for name in MODELS if name != ANY and detections.lower().startswith(name)), ANY)
