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
    # Log odds that a track is an object, for these in turn: 1, the mean score of its detections, the score of the
    # last one, the logarithm of their number, its distance from the base in metres
    log_odds: tuple[float, float, float, float, float]


def confidence(log_odds: Array, mean: Array, last: Array, hits: NDArray[np.int64], range_m: Array) -> Array:
    """Probability (N,) that tracks are of objects, from their mean and last scores and numbers of detections.

    `log_odds` (N,5) as `DetectorModel` has them, `range_m` (N,) metres from the base.
    """
    features = np.stack([np.ones(len(hits)), mean, last, np.log(hits), range_m], axis=1)
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip((log_odds * features).sum(axis=1), -30.0, 30.0))))


UNSCORED = 0.5
"""The score that a detection without one is given."""

UNKNOWN_DETECTOR = DetectorModel(0.15, 0.1, (0.5, 0.3, 0.5), (-4.0, 4.0, 4.0, 0.5, 0.0))

ANY = "any"
"""Another detector, with scores from 0 to 1."""

CLUSTERS = "clusters"
"""The detector of scans that comes with this package."""

MODELS: dict[str, dict[str, DetectorModel]] = {
    ANY: {},
    # clusters without a class are walls and bushes, whose centre depends on the part of them that is seen
    CLUSTERS: {"unknown": replace(UNKNOWN_DETECTOR, position_noise=0.5)},
    "pointrcnn": {
        "car": DetectorModel(0.05, 0.153, (0.7, 0.4, 0.65), (-5.59, 0.502, 0.494, 0.79, 0.0409)),
        "pedestrian": DetectorModel(0.05, 0.064, (0.7, 0.4, 0.65), (-5.55, 0.887, 0.583, 0.401, 0.0288)),
        "cyclist": DetectorModel(0.05, 0.057, (0.7, 0.4, 0.65), (-2.99, 0.393, 0.177, 1.12, -0.0464)),
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
