"""Parameters of tracking."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter


@dataclass(frozen=True)
class TrackingParameters:
    """What a user may want to change. Classes are in `object_classes`, detectors in `detector_models`."""

    detector: str = parameter("any", "whose detections: any (scores 0 to 1) or pointrcnn; no matter for scans")
    most_detections: int = parameter(500, "of more detections in one message the surest are taken", 1, 100000)
    longest_unseen_s: float = parameter(1.0, "seconds after its last detection when a track ends; new ones sooner", 0.0)
    longest_gap_s: float = parameter(2.0, "seconds between messages after which all tracks end", 0.05, 600.0)
    prediction: str = parameter("default", "how paths go on: default (the network), constant_velocity or constant_turn")
