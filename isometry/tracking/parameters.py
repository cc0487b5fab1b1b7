"""Parameters of tracking."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter
from isometry.tracking.detection.detector_models import MODELS
from isometry.tracking.prediction.predictor import MOTION_MODELS, TASK


@dataclass(frozen=True)
class TrackingParameters:
    """What a user may want to change. Classes are in `object_classes`, detectors in `detector_models`."""

    detector: str = parameter(
        "any",
        "source of the detections; any: another one, with scores from 0 to 1; not used with scans",
        choices=tuple(MODELS),
    )
    most_detections: int = parameter(500, "detections used of one message: those with the highest scores", 1, 100000)
    longest_unseen_s: float = parameter(
        1.0, "seconds after its last detection until a track ends; new ones sooner", 0.0
    )
    longest_gap_s: float = parameter(2.0, "seconds between messages after which all tracks end", 0.05, 600.0)
    prediction: str = parameter(
        "default",
        "motion model of the predicted paths; default: the network motion_prediction",
        choices=("default", TASK, *MOTION_MODELS),
    )
