"""Fits constants of `detector_models` to labelled recordings: confidence of tracks, deviation of their positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.optimize import linear_sum_assignment

from isometry.arrays import Array, Flags
from isometry.datasets.kitti.scans import RATE_HZ
from isometry.datasets.kitti.tracking import DONT_CARE, KittiTracking
from isometry.evaluation.tracking.measure import CLASSES, inside_areas
from isometry.geometry.boxes import iou_3d
from isometry.tracking.detection.detector_models import evidence_of
from isometry.tracking.tracks.tracker import Tracker
from isometry.tracking.types import Detections
from isometry.training.common.fitting import INSIDE_TWO_SIGMA, logistic_weights, two_sigma_scale

MATCH = 0.25  # overlap in space from which on a track is of a labelled object
PENALTY = 0.01
LEAST_MISSING_M = 0.01  # a smaller deviation is none


@dataclass(frozen=True)
class ObservedTracks:
    """Tracks in frames that had a detection of them, N rows, R of which were right."""

    evidence: Array  # (N,4) which `DetectorModel.log_odds` weighs
    right: Flags  # (N,)
    errors: Array  # (R,2) of the positions of right tracks, metres
    variances: Array  # (R,2) of them, as the tracker states them

    @staticmethod
    def joined(parts: Sequence[ObservedTracks]) -> ObservedTracks:
        """The tracks of several sequences."""
        return ObservedTracks(
            *(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(ObservedTracks))
        )


def observed_tracks(tracker: Tracker, sequence: KittiTracking, detections: str, label: str) -> ObservedTracks:
    """Tracks of one class, without those in areas without labels. No poses are used."""
    found = sequence.detections(detections)
    known, right, errors, variances = [], [], [], []
    for frame in range(sequence.frame_count):
        now = found.of_frame(frame)
        now = now.chosen(np.array(now.labels, dtype=object) == label)
        step = tracker.process(Detections(now.boxes, now.scores, now.labels), round(frame * 1e9 / RATE_HZ))
        observed = [track for track in step.tracks if track.unseen_s == 0.0]
        boxes = np.array([track.box for track in observed]).reshape(-1, 7)
        for track, error, is_right, is_unknown in zip(observed, *judged(sequence, frame, boxes, label), strict=True):
            if not is_unknown:
                known.append((track.score, track.hits, np.hypot(*track.box[:2])))
                right.append(is_right)
            if is_right:
                errors.append(error)
                variances.append(np.diag(track.covariance)[:2])
    score, hits, range_m = np.array(known).reshape(-1, 3).T
    return ObservedTracks(
        evidence_of(score, hits.astype(np.int64), range_m),
        np.array(right, bool),
        np.array(errors).reshape(-1, 2),
        np.array(variances).reshape(-1, 2),
    )


def fitted_log_odds(evidence: Array, right: Flags) -> Array:
    """The weights (4,) of `DetectorModel.log_odds`. Raises ValueError where all tracks were right, or none."""
    if right.all() or not right.any():
        raise ValueError(f"{right.sum()} of {len(right)} tracks were right: a fit needs right and wrong ones")
    # the fit has the constant last and needs columns of similar magnitude
    sizes = np.abs(evidence).max(axis=0)
    weights = logistic_weights(np.roll(evidence / sizes, -1, axis=1), right, np.zeros(4), PENALTY)
    return np.roll(weights, 1) / sizes


def missing_deviation(tracks: ObservedTracks) -> float:
    """Metres to add in quadrature to the deviations of positions, so that 95 % of the errors lie within two sigma."""
    if (np.abs(tracks.errors) <= 2.0 * np.sqrt(tracks.variances + LEAST_MISSING_M**2)).mean() >= INSIDE_TWO_SIGMA:
        return 0.0
    return float(np.sqrt(two_sigma_scale(tracks.errors, np.ones_like(tracks.errors), tracks.variances)))


def judged(sequence: KittiTracking, frame: int, boxes: Array, label: str) -> tuple[Array, Flags, Flags]:
    """Errors (N,2) of boxes (N,7) against the labels of a frame, which of them are right (N,) and which unknown (N,).

    Boxes are matched with objects of the class and of its neighbour class. Unknown: not right, but in an area without
    labels. Errors of boxes that are not right mean nothing.
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
