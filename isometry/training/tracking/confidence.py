"""How sure a track is, from what became of tracks on labelled recordings: constants of `detector_models`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.optimize import linear_sum_assignment

from isometry.arrays import Array, Flags
from isometry.datasets.kitti.scans import RATE_HZ
from isometry.datasets.kitti.tracking import DONT_CARE, KittiTracking
from isometry.evaluation.tracking.measure import CLASSES, inside_areas
from isometry.geometry.boxes import iou_3d
from isometry.tracking.tracks.tracker import Tracker
from isometry.tracking.types import Detections
from isometry.training.common.fitting import INSIDE_TWO_SIGMA, logistic_weights, two_sigma_scale

MATCH = 0.25  # overlap in space from which on a track is of a labelled object
PENALTY = 0.01
LEAST_MISSING_M = 0.01  # a smaller deviation is none


@dataclass(frozen=True)
class SeenTracks:
    """Tracks in frames that had a detection of them, N rows, R of which were right."""

    told: Array  # (N,5) what `DetectorModel.log_odds` weighs
    right: Flags  # (N,)
    errors: Array  # (R,2) of the positions of those that were right, metres
    variances: Array  # (R,2) of them, as the tracker says

    @staticmethod
    def joined(parts: Sequence[SeenTracks]) -> SeenTracks:
        """Several sequences."""
        return SeenTracks(
            *(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(SeenTracks))
        )


def seen_tracks(tracker: Tracker, sequence: KittiTracking, detections: str, label: str) -> SeenTracks:
    """Tracks of one class, without those where nobody labelled anything. No poses are used."""
    found = sequence.detections(detections)
    score_sums: dict[int, float] = defaultdict(float)
    told, outcome, errors, variances = [], [], [], []
    for frame in range(sequence.frame_count):
        now = found.of_frame(frame)
        now = now.chosen(np.array(now.labels, dtype=object) == label)
        step = tracker.process(Detections(now.boxes, now.scores, now.labels), round(frame * 1e9 / RATE_HZ))
        seen = [track for track in step.tracks if track.unseen_s == 0.0]
        boxes = np.array([track.box for track in seen]).reshape(-1, 7)
        error, right, unknown = judged(sequence, frame, boxes, label)
        for track, off, is_right, is_unknown in zip(seen, error, right, unknown, strict=True):
            score_sums[track.id] += track.score
            if not is_unknown:
                mean, range_m = score_sums[track.id] / track.hits, float(np.hypot(*track.box[:2]))
                told.append((1.0, mean, track.score, np.log(track.hits), range_m))
                outcome.append(is_right)
            if is_right:
                errors.append(off)
                variances.append(np.diag(track.covariance)[:2])
    return SeenTracks(
        np.array(told).reshape(-1, 5),
        np.array(outcome, bool),
        np.array(errors).reshape(-1, 2),
        np.array(variances).reshape(-1, 2),
    )


def fitted_log_odds(told: Array, right: Flags) -> Array:
    """The weights (5,) of `DetectorModel.log_odds`. Raises ValueError where nothing was wrong, or nothing right."""
    if right.all() or not right.any():
        raise ValueError(f"{right.sum()} of {len(right)} tracks were right: nothing to tell them apart by")
    # the fit has the constant last, and wants columns of about one size
    sizes = np.abs(told).max(axis=0)
    weights = logistic_weights(np.roll(told / sizes, -1, axis=1), right, np.zeros(5), PENALTY)
    return np.roll(weights, 1) / sizes


def missing_deviation(seen: SeenTracks) -> float:
    """What to add to the positions' deviations, in metres, so that as many errors as should be lie within two sigma."""
    if (np.abs(seen.errors) <= 2.0 * np.sqrt(seen.variances + LEAST_MISSING_M**2)).mean() >= INSIDE_TWO_SIGMA:
        return 0.0
    return float(np.sqrt(two_sigma_scale(seen.errors, np.ones_like(seen.errors), seen.variances)))


def judged(sequence: KittiTracking, frame: int, boxes: Array, label: str) -> tuple[Array, Flags, Flags]:
    """How far (N,2) boxes (N,7) are from those labelled in a frame, which (N,) are of them, and who cannot be judged.

    Labelled are the objects of the class and of its neighbours; errors of other boxes mean nothing.
    """
    truth = sequence.labels.of_frame(frame)
    names = np.array(truth.labels, dtype=object)
    of_class = truth.chosen((names == label) | (names == CLASSES.get(label)))
    overlap = iou_3d(boxes, of_class.boxes)
    rows, columns = linear_sum_assignment(-overlap)
    right, errors = np.zeros(len(boxes), bool), np.zeros((len(boxes), 2))
    errors[rows] = boxes[rows, :2] - of_class.boxes[columns, :2]
    right[rows] = overlap[rows, columns] >= MATCH
    no_care = truth.chosen(names == DONT_CARE)
    frames = np.full(len(boxes), frame)
    return errors, right, ~right & inside_areas(frames, sequence.calibration.project(boxes), no_care)
