"""Tracking measured on KITTI sequences: from detections to tracks, and what they are worth in AB3DMOT's protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from isometry.datasets.kitti_tracking import DONT_CARE, RATE_HZ, KittiObjects, KittiTracking
from isometry.evaluation.tracking_identity import identity
from isometry.evaluation.tracking_protocol import Clear, Curve, Scene, clear_at, evaluate
from isometry.geometry import planar, se3
from isometry.tracking.types import BOX, Detections, TrackingStep

Array = NDArray[np.float64]

# What is judged, and the class beside it that may be found and may be missed.
CLASSES: dict[str, str | None] = {"Car": "Van", "Pedestrian": "Person_sitting", "Cyclist": None}
MOST_TRUNCATION, MOST_OCCLUSION = 0, 2  # an object beyond may be missed
LEAST_HEIGHT_PX = 25.0  # a track that is lower in the image, and matches nothing, is no false alarm
IN_NO_CARE = 0.5  # the same, where more than this share of it lies in an area of no care


class FollowsDetections(Protocol):
    """What turns detections into tracks."""

    def process(self, detections: Detections, stamp_ns: int, T_odom_base: Array | None) -> TrackingStep:
        """One step."""


@dataclass(frozen=True)
class Tracks:
    """What a tracker reported in one sequence, a row for each track in each frame. T rows."""

    frames: NDArray[np.int64]  # (T,)
    ids: NDArray[np.int64]  # (T,)
    boxes: Array  # (T,7) in the LiDAR frame of the row's moment
    scores: Array  # (T,)
    steps: int
    seconds: float  # inside of the tracker


@dataclass(frozen=True)
class ClassResult:
    """All about one class: the tracks of each sequence and what they are worth at each overlap."""

    label: str
    sequences: tuple[str, ...]
    tracks: tuple[Tracks, ...]
    scenes: tuple[Scene, ...]
    curves: dict[float, Curve]

    @property
    def frames_per_second(self) -> float:
        """Steps of the tracker a second that it worked."""
        return sum(each.steps for each in self.tracks) / max(sum(each.seconds for each in self.tracks), 1e-9)


def measure(
    sequences: Sequence[KittiTracking],
    detections: str,
    label: str,
    ious: Sequence[float],
    tracker: Callable[[], FollowsDetections],
) -> ClassResult:
    """Track the detections of one class through each sequence, with a new tracker and without poses.

    Raises DatasetError for files that cannot be used, ValueError where nothing of the class is labelled.
    """
    tracks, scenes = [], []
    for sequence in sequences:
        found = sequence.detections(detections)
        found = found.chosen(np.array(found.labels, dtype=object) == label)
        count = max(sequence.frame_count, 1 + int(found.frames.max(initial=-1)))
        tracks.append(in_image(sequence, track(tracker(), found, count)))
        scenes.append(scene_of(sequence, label, tracks[-1]))
    together = Scene.joined(scenes)
    curves = {iou: evaluate(together, iou) for iou in ious}
    return ClassResult(label, tuple(each.sequence for each in sequences), tuple(tracks), tuple(scenes), curves)


def track(tracker: FollowsDetections, found: KittiObjects, frames: int) -> Tracks:
    """Tracks of the detections of a sequence, frame by frame, also through those without any."""
    bounds = np.searchsorted(found.frames, np.arange(frames + 1))
    rows: list[tuple[int, int, float]] = []
    boxes: list[Array] = []
    seconds = 0.0
    for frame in range(frames):
        part = slice(bounds[frame], bounds[frame + 1])
        given = Detections(found.boxes[part], found.scores[part], found.labels[part])
        began = time.perf_counter()
        step = tracker.process(given, round(frame * 1e9 / RATE_HZ), None)
        seconds += time.perf_counter() - began
        rows += [(frame, each.id, each.confidence) for each in step.tracks]
        boxes.append(in_base(step))
    frame_numbers, ids, scores = np.array(rows, dtype=float).reshape(-1, 3).T
    return Tracks(frame_numbers.astype(np.int64), ids.astype(np.int64), np.vstack(boxes), scores, frames, seconds)


def in_base(step: TrackingStep) -> Array:
    """Boxes (N,7) of a step's tracks in the frame of the base."""
    boxes = np.array([each.box for each in step.tracks]).reshape(-1, BOX)
    T_base_odom = se3.inverse(step.T_odom_base)
    boxes[:, :3] = se3.apply(T_base_odom, boxes[:, :3])
    boxes[:, 6] = planar.wrapped(boxes[:, 6] - se3.yaw(step.T_odom_base))
    return boxes


def in_image(sequence: KittiTracking, tracks: Tracks) -> Tracks:
    """Only the tracks that image 2 shows: labels stop at its rim."""
    boxes = sequence.calibration.project(tracks.boxes, sequence.image_size())
    shown = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return Tracks(
        tracks.frames[shown],
        tracks.ids[shown],
        tracks.boxes[shown],
        tracks.scores[shown],
        tracks.steps,
        tracks.seconds,
    )


def scene_of(sequence: KittiTracking, label: str, tracks: Tracks) -> Scene:
    """Labels and tracks of one class as the protocol takes them, with what KITTI says may be missed or found."""
    labels = np.array(sequence.labels.labels, dtype=object)
    truth = sequence.labels.chosen((labels == label) | (labels == CLASSES[label]))
    no_care = sequence.labels.chosen(labels == DONT_CARE)
    image_boxes = sequence.calibration.project(tracks.boxes, sequence.image_size())
    is_low = image_boxes[:, 3] - image_boxes[:, 1] <= LEAST_HEIGHT_PX
    return Scene(
        truth_frames=truth.frames,
        truth_ids=truth.ids,
        truth_boxes=sequence.calibration.ahead(truth.boxes),
        truth_optional=(truth.truncation > MOST_TRUNCATION)
        | (truth.occlusion > MOST_OCCLUSION)
        | (np.array(truth.labels, dtype=object) != label),
        track_frames=tracks.frames,
        track_ids=tracks.ids,
        track_boxes=sequence.calibration.ahead(tracks.boxes),
        track_scores=tracks.scores,
        track_optional=is_low | _inside(tracks.frames, image_boxes, no_care),
    )


def _inside(frames: NDArray[np.int64], image_boxes: Array, areas: KittiObjects) -> NDArray[np.bool_]:
    """Which image boxes (T,4) lie by more than `IN_NO_CARE` of themselves in one of the areas of their frame."""
    inside = np.zeros(len(frames), bool)
    for frame in np.unique(frames):
        rows, here = np.flatnonzero(frames == frame), areas.image_boxes[areas.frames == frame]
        one, other = image_boxes[rows, None], here[None]
        sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
        common = np.prod(np.maximum(sides, 0.0), axis=-1)
        inside[rows] = (common > IN_NO_CARE * np.prod(one[..., 2:] - one[..., :2], axis=-1)).any(axis=1)
    return inside


def figures(result: ClassResult) -> dict[str, Any]:
    """All figures of a class, by the overlap that a match needs; those of each sequence at the first one."""
    together = Scene.joined(result.scenes)
    told: dict[str, Any] = {"frames_per_second": result.frames_per_second, "ious": {}}
    for iou, curve in result.curves.items():
        told["ious"][f"{iou:g}"] = (
            {"sAMOTA": curve.sAMOTA, "AMOTA": curve.AMOTA, "AMOTP": curve.AMOTP}
            | asdict(curve.best)
            | asdict(identity(together, iou, curve.best.score))
        )
    iou, curve = next(iter(result.curves.items()))
    told["sequences"] = {
        name: _of_sequence(scene, iou, curve.best) for name, scene in zip(result.sequences, result.scenes, strict=True)
    }
    return told


def _of_sequence(scene: Scene, iou: float, best: Clear) -> dict[str, Any] | None:
    """Figures of one sequence at the score that is the best for all; None where nothing is labelled in it."""
    if scene.truth_optional.all():
        return None
    return asdict(clear_at(scene, iou, best.score))
