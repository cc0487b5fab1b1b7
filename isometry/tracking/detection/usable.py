"""Which detections can be used, and the reasons why others cannot."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Flags
from isometry.tracking.types import BOX, Detections

LEAST_SIZE_M, MOST_SIZE_M = 0.01, 100.0
FURTHEST_M = 1e4  # from the base along an axis: no detector sees so far, and rounding would spoil other paths


def usable(detections: Detections, most: int, scores_are_shares: bool = False) -> tuple[Detections, tuple[str, ...]]:
    """At most `most` detections that can be used, and one line for each reason why others are left out.

    With `scores_are_shares`, scores are above 0 and at most 1; percentages and logits are not guessed. Raises
    ValueError where boxes, scores and labels do not have one row for each detection.
    """
    boxes, scores = np.asarray(detections.boxes, np.float64), np.asarray(detections.scores, np.float64)
    if boxes.shape != (len(detections), BOX) or scores.shape != (len(detections),):
        raise ValueError(f"{len(detections)} labels with boxes of shape {boxes.shape} and scores of {scores.shape}")
    left = np.ones(len(boxes), bool)
    reasons: dict[str, int] = {}

    def require(condition: Flags, why: str) -> None:
        reasons[why] = int((left & ~condition).sum())
        np.logical_and(left, condition, out=left)

    with np.errstate(invalid="ignore"):
        require(np.all(np.isfinite(boxes), axis=1) & np.isfinite(scores), "not finite")
        sizes = boxes[:, 3:6]
        require(
            np.all((sizes >= LEAST_SIZE_M) & (sizes <= MOST_SIZE_M), axis=1),
            f"of a size outside {LEAST_SIZE_M:g} to {MOST_SIZE_M:g} m",
        )
        require(np.all(np.abs(boxes[:, :3]) <= FURTHEST_M, axis=1), f"further away than {FURTHEST_M:g} m")
        if scores_are_shares:
            require(scores != 0.0, "of score 0, which says that there is none")
            require((scores > 0.0) & (scores <= 1.0), "of a score outside 0 to 1")
    sensible = np.flatnonzero(left)
    if len(sensible) == len(boxes) <= most:
        return detections, ()
    kept = np.sort(sensible[np.argsort(-scores[sensible], kind="stable")[:most]])
    reasons[f"beyond the {most} surest"] = len(sensible) - len(kept)
    return detections.taken(kept), tuple(f"{count} detections {why}" for why, count in reasons.items() if count)
