"""Tracking measured on KITTI sequences, in AB3DMOT's protocol: of detections class by class, or of scans.

From detections, a match needs an overlap in space, and a class is judged as KITTI does. From scans, classes and heights
are uncertain: every labelled object counts, whichever class its track has, and a match needs an overlap seen from
above. Only traffic is labelled, and only inside the image: there a track of unknown class, or at the rim of the image,
is no false alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.kitti.tracking import DONT_CARE, KittiObjects, KittiTracking
from isometry.evaluation.common.calibration import expected_calibration_error, inside_two_sigma
from isometry.evaluation.tracking.identity import identity
from isometry.evaluation.tracking.objects import Followed, followed
from isometry.evaluation.tracking.protocol import Clear, Curve, JudgedSequence, clear_at, evaluate, matches
from isometry.evaluation.tracking.runs import (
    FollowsDetections,
    FollowsScans,
    Tracks,
    in_image,
    track_detections,
    track_scans,
    turn_errors_m,
)

# Classes that are judged, and the neighbouring class that may be found and may be missed.
CLASSES: dict[str, str | None] = {"Car": "Van", "Pedestrian": "Person_sitting", "Cyclist": None}
ANY = "any"  # class of all objects that are tracked in scans
KNOWN_IN_SCANS = ("car", "pedestrian", "cyclist")
MOST_TRUNCATION, MOST_OCCLUSION = 0, 2  # an object beyond may be missed
LEAST_HEIGHT_PX = 25.0  # a track that is lower in the image, and matches nothing, is no false alarm
IN_NO_CARE = 0.5  # the same, where more than this share of it lies in an area of no care
RIM_PX = 1.0
FAR_M = 1e3  # distance to a track that is missing


@dataclass(frozen=True)
class Run:
    """One sequence: labels, detections and tracks of a class."""

    sequence: KittiTracking
    truth: KittiObjects
    found: KittiObjects | None  # detections; None: from scans
    tracks: Tracks
    judged: JudgedSequence  # rows as in `truth` and `tracks`


@dataclass(frozen=True)
class ClassResult:
    """All runs of one class, and its curve at each overlap, the one of the headline first."""

    label: str
    runs: tuple[Run, ...]
    curves: dict[float, Curve]
    T_world_lidar: tuple[Array, ...]  # of each run (F,4,4) by frame number, for speeds over ground

    @property
    def frames_per_second(self) -> float:
        """Frames for each second inside the tracker."""
        seconds = np.concatenate([run.tracks.seconds for run in self.runs])
        return float(np.isfinite(seconds).sum() / max(np.nansum(seconds), 1e-9))

    @property
    def from_scans(self) -> bool:
        """Whether scans were tracked, not detections."""
        return self.runs[0].found is None

    @property
    def objects(self) -> list[Followed]:
        """How each labelled object was followed: by the tracks above the best score, or by all tracks of scans."""
        iou, curve = next(iter(self.curves.items()))
        score = -np.inf if self.from_scans else curve.best.score
        return [
            each
            for run, poses in zip(self.runs, self.T_world_lidar, strict=True)
            for each in followed(run.sequence.sequence, run.truth, run.judged, run.tracks, iou, score, poses)
        ]


def follow(
    sequences: Sequence[KittiTracking], detections: str, tracker: Callable[[], FollowsDetections]
) -> tuple[Tracks, ...]:
    """Track the detections of all classes through each sequence, with a new tracker and without poses.

    Raises DatasetError for files that cannot be used, ValueError for scores that the tracker cannot use.
    """
    followed_tracks = []
    for sequence in sequences:
        found = sequence.detections(detections)
        frames = max(sequence.frame_count, 1 + int(found.frames.max(initial=-1)))
        followed_tracks.append(in_image(sequence, track_detections(tracker(), found, frames)))
    return tuple(followed_tracks)


def judge(
    sequences: Sequence[KittiTracking], detections: str, label: str, ious: Sequence[float], tracks: Sequence[Tracks]
) -> ClassResult:
    """Judge the tracks of one class, as `follow` found them in each sequence.

    Raises ValueError where nothing of the class is labelled.
    """
    runs = []
    for sequence, of_all in zip(sequences, tracks, strict=True):
        found = sequence.detections(detections)
        found = found.chosen(np.array(found.labels, dtype=object) == label)
        own = of_all.chosen(np.array([each.lower() == label.lower() for each in of_all.labels], bool))
        truth, judged = _judged_class(sequence, label, own)
        runs.append(Run(sequence, truth, found, own, judged))
    return _result(label, runs, ious, None)


def measure_scans(
    sequences: Sequence[KittiTracking],
    ious: Sequence[float],
    tracker: Callable[[], FollowsScans],
    T_odom_lidar: Array | None,
) -> ClassResult:
    """Track all objects in the scans of each sequence.

    `T_odom_lidar` (F,4,4) are poses by frame number of the one sequence; without them the tracker has its own odometry.
    """
    runs = []
    for sequence in sequences:
        tracks = in_image(sequence, track_scans(tracker(), sequence, T_odom_lidar))
        truth, judged = _judged_footprints(sequence, tracks)
        runs.append(Run(sequence, truth, None, tracks, judged))
    return _result(ANY, runs, ious, T_odom_lidar)


def must_be_found(sequences: Sequence[KittiTracking], label: str) -> bool:
    """Whether any object of a class is labelled that may not be missed."""
    return any(
        ((np.array(each.labels.labels, dtype=object) == label) & ~_excused(each.labels)).any() for each in sequences
    )


def figures(result: ClassResult) -> dict[str, Any]:
    """All figures of a class, by the overlap that a match needs; those of each sequence at the first one."""
    together = JudgedSequence.joined([run.judged for run in result.runs])
    table: dict[str, Any] = {"frames_per_second": result.frames_per_second, "ious": {}}
    for iou, curve in result.curves.items():
        table["ious"][f"{iou:g}"] = (
            {"sAMOTA": curve.sAMOTA, "AMOTA": curve.AMOTA, "AMOTP": curve.AMOTP}
            | asdict(curve.best)
            | asdict(identity(together, iou, curve.best.score))
        )
    iou, curve = next(iter(result.curves.items()))
    table["honesty"] = {
        name: value for name, value in asdict(calibration(result.runs, iou)).items() if value is not None
    }
    of_sequences = {run.sequence.sequence: of_sequence(run, iou, curve.best) for run in result.runs}
    table["sequences"] = {name: None if each is None else asdict(each) for name, each in of_sequences.items()}
    return table


@dataclass(frozen=True)
class Calibration:
    """Calibration of the covariances and the confidences of tracks, measured on the labels."""

    confidence_error: float | None  # mean difference of confidences and the share of right tracks; None: no confidences
    inside_2_sigma: list[float] | None  # share of the errors of x and of y, 0.954 when calibrated; None: no match


def calibration(runs: Sequence[Run], iou: float) -> Calibration:
    """Calibration of the tracks of some runs; unmatched tracks that are no false alarms are left out."""
    errors, covariances, confidences, right = [], [], [], []
    for run in runs:
        rows, columns = matches(run.judged, iou, -np.inf)
        errors.append(run.tracks.boxes[columns, :2] - run.truth.boxes[rows, :2])
        covariances.append(run.tracks.covariances[columns])
        is_right = np.isin(np.arange(len(run.tracks.ids)), columns)
        counts = is_right | ~run.judged.track_optional
        confidences.append(run.tracks.scores[counts])
        right.append(is_right[counts])
    stated = np.concatenate(confidences)
    are_confidences = len(stated) and stated.min() >= 0.0 and stated.max() <= 1.0  # a plain tracker has scores instead
    any_match = sum(map(len, errors))
    return Calibration(
        expected_calibration_error(stated, np.concatenate(right)) if are_confidences else None,
        inside_two_sigma(np.concatenate(errors), np.concatenate(covariances)).tolist() if any_match else None,
    )


def turn_figures(upright: ClassResult, turned: ClassResult) -> dict[str, float]:
    """The effect of a turn on all tracks in all frames: the largest distance, and the share within 1 mm."""
    pairs = [(one.tracks, other.tracks) for one, other in zip(upright.runs, turned.runs, strict=True)]
    errors = np.concatenate([turn_errors_m(*order) for one, other in pairs for order in ((one, other), (other, one))])
    return {
        "turn_error_m": float(min(errors.max(initial=0.0), FAR_M)),
        "turn_within_1_mm": float((errors < 1e-3).mean()) if len(errors) else 1.0,
    }


def of_sequence(run: Run, iou: float, best: Clear) -> Clear | None:
    """Figures of one sequence at the score that is the best for all; None where nothing has to be found in it."""
    return None if run.judged.truth_optional.all() else clear_at(run.judged, iou, best.score)


def _result(label: str, runs: list[Run], ious: Sequence[float], poses: Array | None) -> ClassResult:
    together = JudgedSequence.joined([run.judged for run in runs])
    if together.truth_optional.all():
        names = ", ".join(run.sequence.sequence for run in runs)
        raise ValueError(f"nothing of class {label} is labelled in {names} that a tracker must find")
    curves = {iou: evaluate(together, iou) for iou in ious}
    known = tuple(run.tracks.T_odom_lidar if poses is None else poses for run in runs)
    return ClassResult(label, tuple(runs), curves, known)


def _judged_class(sequence: KittiTracking, label: str, tracks: Tracks) -> tuple[KittiObjects, JudgedSequence]:
    """Labels and tracks of one class as KITTI judges them."""
    labels = np.array(sequence.labels.labels, dtype=object)
    truth = sequence.labels.chosen((labels == label) | (labels == CLASSES[label]))
    judged = _judged(sequence, truth, tracks)
    is_neighbour = np.array(truth.labels, dtype=object) != label
    return truth, replace(judged, truth_optional=judged.truth_optional | is_neighbour)


def _judged_footprints(sequence: KittiTracking, tracks: Tracks) -> tuple[KittiObjects, JudgedSequence]:
    """Labels and tracks of all classes, as their footprints."""
    truth = sequence.labels.chosen(np.array(sequence.labels.labels, dtype=object) != DONT_CARE)
    judged = _judged(sequence, truth, tracks)
    unknown = ~np.isin(tracks.labels, KNOWN_IN_SCANS)
    width, height = sequence.image_size() - 1.0
    boxes = sequence.calibration.project(tracks.boxes, sequence.image_size())
    cut = (boxes[:, :2].min(axis=1) < RIM_PX) | (boxes[:, 2] > width - RIM_PX) | (boxes[:, 3] > height - RIM_PX)
    return truth, replace(
        judged,
        truth_boxes=_flat(judged.truth_boxes),
        track_boxes=_flat(judged.track_boxes),
        track_optional=judged.track_optional | unknown | cut,
    )


def _flat(boxes: Array) -> Array:
    """Boxes (N,7) of equal heights, whose overlap in space is that of their footprints."""
    flat = boxes.copy()
    flat[:, 2], flat[:, 5] = 0.0, 1.0
    return flat


def _judged(sequence: KittiTracking, truth: KittiObjects, tracks: Tracks) -> JudgedSequence:
    """Labels and tracks, with the rows that KITTI excuses whichever their class."""
    no_care = sequence.labels.chosen(np.array(sequence.labels.labels, dtype=object) == DONT_CARE)
    image_boxes = sequence.calibration.project(tracks.boxes, sequence.image_size())
    is_low = image_boxes[:, 3] - image_boxes[:, 1] <= LEAST_HEIGHT_PX
    return JudgedSequence(
        truth_frames=truth.frames,
        truth_ids=truth.ids,
        truth_boxes=sequence.calibration.ahead(truth.boxes),
        truth_optional=_excused(truth),
        track_frames=tracks.frames,
        track_ids=tracks.ids,
        track_boxes=sequence.calibration.ahead(tracks.boxes),
        track_scores=tracks.scores,
        track_optional=is_low | inside_areas(tracks.frames, image_boxes, no_care),
    )


def _excused(truth: KittiObjects) -> NDArray[np.bool_]:
    """Flags (G,) of labelled objects that may be missed, whatever their class."""
    excused: NDArray[np.bool_] = (truth.truncation > MOST_TRUNCATION) | (truth.occlusion > MOST_OCCLUSION)
    return excused


def inside_areas(frames: NDArray[np.int64], image_boxes: Array, areas: KittiObjects) -> NDArray[np.bool_]:
    """Flags (T,) of image boxes (T,4) that have more than a share `IN_NO_CARE` in one of the areas of their frame."""
    inside = np.zeros(len(frames), bool)
    for frame in np.unique(frames):
        rows, here = np.flatnonzero(frames == frame), areas.image_boxes[areas.frames == frame]
        one, other = image_boxes[rows, None], here[None]
        sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
        common = np.prod(np.maximum(sides, 0.0), axis=-1)
        inside[rows] = (common > IN_NO_CARE * np.prod(one[..., 2:] - one[..., :2], axis=-1)).any(axis=1)
    return inside
