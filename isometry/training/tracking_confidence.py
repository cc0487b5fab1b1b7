"""How sure a track is, from what became of tracks on labelled recordings: constants of `detector_models`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from isometry.datasets.kitti_tracking import DONT_CARE, RATE_HZ, KittiObjects, KittiTracking
from isometry.datasets.simulation.traffic_scans import TrafficDrive
from isometry.geometry import se3
from isometry.geometry.boxes import iou_3d, iou_birds_eye
from isometry.tracking.parameters import TrackingParameters
from isometry.tracking.pipeline import TrackingPipeline
from isometry.tracking.tracker import Tracker
from isometry.tracking.types import BOX, Detections, Track
from isometry.training.fitting import INSIDE_TWO_SIGMA, logistic_weights, two_sigma_scale

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

MATCH = 0.25  # overlap in space from which on a track is of a labelled object
NO_CARE_SHARE = 0.5  # of a track's place in the image, from which on nobody knows whether it is right
PENALTY = 0.01
NEIGHBOURS = {"Car": ("Van",), "Pedestrian": ("Person_sitting",)}  # that a detector of a class may take for it


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


class _Gathered:
    """The rows of `SeenTracks` while they come."""

    def __init__(self) -> None:
        self._score_sums: dict[int, float] = defaultdict(float)
        self._told: list[tuple[float, ...]] = []
        self._right: list[bool] = []
        self._errors: list[Array] = []
        self._variances: list[Array] = []

    def add(self, tracks: Sequence[Track], T_odom_base: Array, errors: Array, right: Flags, unknown: Flags) -> None:
        for track, error, is_right, is_unknown in zip(tracks, errors, right, unknown, strict=True):
            self._score_sums[track.id] += track.score
            if not is_unknown:
                range_m = float(np.hypot(*(track.box[:2] - T_odom_base[:2, 3])))
                mean = self._score_sums[track.id] / track.hits
                self._told.append((1.0, mean, track.score, np.log(track.hits), range_m))
                self._right.append(bool(is_right))
            if is_right:
                self._errors.append(error)
                self._variances.append(np.diag(track.covariance)[:2])

    def seen(self) -> SeenTracks:
        return SeenTracks(
            np.array(self._told).reshape(-1, 5),
            np.array(self._right, bool),
            np.array(self._errors).reshape(-1, 2),
            np.array(self._variances).reshape(-1, 2),
        )


def seen_tracks(tracker: Tracker, sequence: KittiTracking, detections: str, label: str) -> SeenTracks:
    """Tracks of one class, without those where nobody labelled anything. No poses are used."""
    found, labelled = sequence.detections(detections), sequence.labels
    gathered = _Gathered()
    for frame in range(sequence.frame_count):
        now = found.of_frame(frame)
        now = now.chosen(np.array(now.labels, dtype=object) == label)
        step = tracker.process(Detections(now.boxes, now.scores, now.labels), round(frame * 1e9 / RATE_HZ))
        seen = [track for track in step.tracks if track.unseen_s == 0.0]
        boxes = np.array([track.box for track in seen]).reshape(-1, BOX)
        errors, right, unknown = judged(sequence, labelled.of_frame(frame), boxes, label)
        gathered.add(seen, step.T_odom_base, errors, right, unknown)
    return gathered.seen()


def seen_clusters(drive: TrafficDrive) -> dict[str, SeenTracks]:
    """Tracks of the scans of a simulated drive by their class, right where they are of any traffic."""
    pipeline = TrackingPipeline.load(TrackingParameters())
    gathered: dict[str, _Gathered] = defaultdict(_Gathered)
    for scan, boxes, time_s in zip(drive.scans, drive.traffic.boxes, drive.traffic.times_s, strict=True):
        points = se3.apply(se3.inverse(scan.T_world_lidar), scan.points.astype(np.float64))
        points = np.vstack([points, _ground(-scan.T_world_lidar[2, 3])])  # which these scans come without
        step = pipeline.process_scan(points, round(time_s * 1e9), scan.T_world_lidar)
        truth = boxes[np.isfinite(boxes[:, 0])]
        for label in {track.label for track in step.tracks}:
            seen = [track for track in step.tracks if track.unseen_s == 0.0 and track.label == label]
            tracked = np.array([track.box for track in seen]).reshape(-1, BOX)
            errors, right = _matched(iou_birds_eye(tracked, truth), tracked, truth)
            gathered[label].add(seen, scan.T_world_lidar, errors, right, np.zeros(len(seen), bool))
    return {label: parts.seen() for label, parts in gathered.items()}


def _ground(height_m: float) -> Array:
    x, y = np.mgrid[-60.0:60.0:0.7, -60.0:60.0:0.7]
    return np.column_stack([x.ravel(), y.ravel(), np.full(x.size, height_m)])


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
    if (np.abs(seen.errors) <= 2.0 * np.sqrt(seen.variances)).mean() >= INSIDE_TWO_SIGMA:
        return 0.0
    return float(np.sqrt(two_sigma_scale(seen.errors, np.ones_like(seen.errors), seen.variances)))


def judged(sequence: KittiTracking, truth: KittiObjects, boxes: Array, label: str) -> tuple[Array, Flags, Flags]:
    """How far (N,2) boxes (N,7) are from labelled ones, which (N,) are of those, and of which nobody can tell.

    Labelled are the objects of the class and of its neighbours; errors of other boxes mean nothing.
    """
    names = np.array(truth.labels, dtype=object)
    of_class = truth.chosen(np.isin(names, (label, *NEIGHBOURS.get(label, ()))))
    errors, right = _matched(iou_3d(boxes, of_class.boxes), boxes, of_class.boxes)
    image = sequence.calibration.project(boxes)
    no_care = truth.chosen(names == DONT_CARE).image_boxes
    corners = np.maximum(image[:, None, :2], no_care[:, :2]), np.minimum(image[:, None, 2:], no_care[:, 2:])
    shared = np.prod(np.maximum(corners[1] - corners[0], 0.0), axis=-1)
    area = np.maximum(np.prod(image[:, 2:] - image[:, :2], axis=-1), 1e-9)
    return errors, right, ~right & (shared > NO_CARE_SHARE * area[:, None]).any(axis=1)


def _matched(overlap: Array, boxes: Array, truth: Array) -> tuple[Array, Flags]:
    """How far (N,2) boxes (N,7) are from the objects (G,7) that they are matched with by `overlap`, and which are."""
    rows, columns = linear_sum_assignment(-overlap)
    right, errors = np.zeros(len(boxes), bool), np.zeros((len(boxes), 2))
    errors[rows] = boxes[rows, :2] - truth[columns, :2]
    right[rows] = overlap[rows, columns] >= MATCH
    return errors, right
