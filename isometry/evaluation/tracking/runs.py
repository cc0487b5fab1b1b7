"""Trackers driven through recorded sequences, frame by frame: from detections, or from scans."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from isometry.arrays import Array
from isometry.datasets.kitti.scans import RATE_HZ
from isometry.datasets.kitti.tracking import KittiObjects, KittiTracking
from isometry.geometry import planar, se3
from isometry.geometry.boxes import moved
from isometry.tracking.types import BOX, Detections, TrackingStep

LONGEST_UNSEEN_S = 0.15  # a track that was not seen for longer is a prediction, and is left out here
SENSOR = np.zeros(3)  # scans are in the frame of the LiDAR itself


class FollowsDetections(Protocol):
    """A tracker of detections."""

    def process(self, detections: Detections, stamp_ns: int, T_odom_base: Array | None) -> TrackingStep:
        """One step."""


class FollowsScans(Protocol):
    """A tracker of scans."""

    def process_scan(
        self, points: Array, stamp_ns: int, T_odom_base: Array | None, origin: Array, offsets_s: Array | None
    ) -> TrackingStep:
        """One step."""


@dataclass(frozen=True)
class Tracks:
    """The tracks of one sequence, a row for each track in each frame. T rows, F frames."""

    frames: NDArray[np.int64]  # (T,)
    ids: NDArray[np.int64]  # (T,)
    labels: tuple[str, ...]  # (T,) class names of the tracker
    boxes: Array  # (T,7) in the LiDAR frame of the row's moment
    speeds: Array  # (T,) over ground, metres a second
    scores: Array  # (T,)
    covariances: Array  # (T,2,2) of x and y of the boxes, metres squared
    T_odom_lidar: Array  # (F,4,4) by frame number; NaN for frames that were not given
    seconds: Array  # (F,) inside of the tracker; NaN for frames that were not given

    def chosen(self, rows: NDArray[np.bool_]) -> Tracks:
        """Only those rows (T,) that are True."""
        return replace(
            self,
            frames=self.frames[rows],
            ids=self.ids[rows],
            labels=tuple(label for label, row in zip(self.labels, rows, strict=True) if row),
            boxes=self.boxes[rows],
            speeds=self.speeds[rows],
            scores=self.scores[rows],
            covariances=self.covariances[rows],
        )


def track_detections(tracker: FollowsDetections, found: KittiObjects, frames: int) -> Tracks:
    """Tracks of the detections of a sequence without poses, also through frames that have none."""
    bounds = np.searchsorted(found.frames, np.arange(frames + 1))

    def steps() -> Iterator[tuple[int, Callable[[], TrackingStep]]]:
        for frame in range(frames):
            part = slice(bounds[frame], bounds[frame + 1])
            given = Detections(found.boxes[part], found.scores[part], found.labels[part])
            yield frame, partial(tracker.process, given, _stamp_ns(frame), None)

    return _gathered(steps(), frames)


def track_scans(tracker: FollowsScans, sequence: KittiTracking, T_odom_lidar: Array | None) -> Tracks:
    """Tracks of the scans of a sequence, with poses (F,4,4) by frame number, or with the tracker's own odometry."""

    def steps() -> Iterator[tuple[int, Callable[[], TrackingStep]]]:
        for k, path in enumerate(sequence.scan_files):
            frame, points = int(path.stem), sequence.scan(k)[:, :3].astype(np.float64)
            pose = None if T_odom_lidar is None else T_odom_lidar[frame]
            yield frame, partial(tracker.process_scan, points, _stamp_ns(frame), pose, SENSOR, None)

    return _gathered(steps(), sequence.frame_count)


def in_image(sequence: KittiTracking, tracks: Tracks) -> Tracks:
    """Only the tracks inside image 2: outside of it nothing is labelled."""
    boxes = sequence.calibration.project(tracks.boxes, sequence.image_size())
    return tracks.chosen((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))


class TurnedDetections:
    """A tracker that is given detections turned by `yaw` radians; its tracks are turned back."""

    def __init__(self, tracker: FollowsDetections, yaw: float) -> None:
        self.tracker, self.T_turned_base = tracker, se3.from_planar(0.0, 0.0, yaw)

    def process(self, detections: Detections, stamp_ns: int, T_odom_base: Array | None) -> TrackingStep:
        """One step."""
        turned = replace(detections, boxes=moved(self.T_turned_base, detections.boxes))
        step = self.tracker.process(turned, stamp_ns, _before(T_odom_base, self.T_turned_base))
        return replace(step, T_odom_base=step.T_odom_base @ self.T_turned_base)


class TurnedScans:
    """The same for a tracker of scans: the sensor is mounted turned."""

    def __init__(self, tracker: FollowsScans, yaw: float) -> None:
        self.tracker, self.T_turned_base = tracker, se3.from_planar(0.0, 0.0, yaw)

    def process_scan(
        self, points: Array, stamp_ns: int, T_odom_base: Array | None, origin: Array, offsets_s: Array | None
    ) -> TrackingStep:
        """One step."""
        turned, seen_from = (se3.apply(self.T_turned_base, each) for each in (points, origin[None]))
        pose = _before(T_odom_base, self.T_turned_base)
        step = self.tracker.process_scan(turned, stamp_ns, pose, seen_from[0], offsets_s)
        return replace(step, T_odom_base=step.T_odom_base @ self.T_turned_base)


def _before(T_odom_base: Array | None, T_turned_base: Array) -> Array | None:
    """Pose of the turned base."""
    return None if T_odom_base is None else T_odom_base @ se3.inverse(T_turned_base)


def turn_errors_m(upright: Tracks, turned: Tracks) -> Array:
    """Metres (T,) of each track in each frame to the nearest one when all is turned; infinite where there is none."""
    apart = np.full(len(upright.ids), np.inf)
    for frame in np.unique(upright.frames):
        one, other = (np.flatnonzero(each.frames == frame) for each in (upright, turned))
        if len(other):
            apart[one] = cKDTree(turned.boxes[other, :3]).query(upright.boxes[one, :3])[0]
    return apart


def _stamp_ns(frame: int) -> int:
    return round(frame * 1e9 / RATE_HZ)


def _gathered(steps: Iterator[tuple[int, Callable[[], TrackingStep]]], frames: int) -> Tracks:
    """The tracks of all steps; only the steps are timed, not the reading of their input."""
    T_odom_lidar, seconds = np.full((frames, 4, 4), np.nan), np.full(frames, np.nan)
    rows: list[tuple[float, ...]] = []
    labels: list[str] = []
    boxes, covariances = [np.zeros((0, BOX))], [np.zeros((0, 2, 2))]
    for frame, work in steps:
        began = time.perf_counter()
        step = work()
        if any("score" in reason for reason in step.rejected):
            raise ValueError(
                f"frame {frame}: {'; '.join(step.rejected)}; a detector that is not known by name has scores up to 1"
            )
        seconds[frame] = time.perf_counter() - began
        T_odom_lidar[frame] = step.T_odom_base
        recent = [each for each in step.tracks if each.unseen_s <= LONGEST_UNSEEN_S]
        rows += [(frame, each.id, float(np.hypot(*each.velocity)), each.confidence) for each in recent]
        labels += [each.label for each in recent]
        boxes.append(moved(se3.inverse(step.T_odom_base), np.array([each.box for each in recent])))
        R = planar.rotations(np.asarray(-se3.yaw(step.T_odom_base)))
        covariances.append(R @ np.array([each.covariance[:2, :2] for each in recent]).reshape(-1, 2, 2) @ R.T)
    frame_of, ids, speeds, scores = np.array(rows, dtype=float).reshape(-1, 4).T
    return Tracks(
        frame_of.astype(np.int64),
        ids.astype(np.int64),
        tuple(labels),
        np.vstack(boxes),
        speeds,
        scores,
        np.concatenate(covariances),
        T_odom_lidar,
        seconds,
    )
