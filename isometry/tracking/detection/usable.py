"""Which detections can be used, and the reasons why others cannot."""

from __future__ import annotations

import numpy as np

from isometry.tracking.types import BOX, Detections

LEAST_SIZE_M, MOST_SIZE_M = 0.01, 100.0
FURTHEST_M = 1e4  # from the base along an axis: no detector sees so far, and rounding would spoil other paths


def usable(detections: Detections, most: int) -> tuple[Detections, tuple[str, ...]]:
    """At most `most` detections that can be used, and one line for each reason why others are left out.

    Raises ValueError where boxes, scores and labels do not have one row for each detection.
    """
    boxes, scores = np.asarray(detections.boxes, np.float64), np.asarray(detections.scores, np.float64)
    if boxes.shape != (len(detections), BOX) or scores.shape != (len(detections),):
        raise ValueError(f"{len(detections)} labels with boxes of shape {boxes.shape} and scores of {scores.shape}")
    finite = np.isfinite(boxes).all(axis=1) & np.isfinite(scores)
    sized = ((boxes[:, 3:6] >= LEAST_SIZE_M) & (boxes[:, 3:6] <= MOST_SIZE_M)).all(axis=1)
    near = (np.abs(boxes[:, :3]) <= FURTHEST_M).all(axis=1)
    sensible = np.flatnonzero(finite & sized & near)
    if len(sensible) == len(boxes) <= most:
        return detections, ()
    kept = np.sort(sensible[np.argsort(-scores[sensible], kind="stable")[:most]])
    reasons = {
        "not finite": np.count_nonzero(~finite),
        f"of a size outside {LEAST_SIZE_M:g} to {MOST_SIZE_M:g} m": np.count_nonzero(finite & ~sized),
        f"further away than {FURTHEST_M:g} m": np.count_nonzero(finite & sized & ~near),
        f"beyond the {most} surest": len(sensible) - len(kept),
    }
    return detections.taken(kept), tuple(f"{count} detections {why}" for why, count in reasons.items() if count)
