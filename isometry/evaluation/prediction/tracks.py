"""What predictions are judged on when histories are those of tracks: the tracks of labelled objects."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from isometry.arrays import Array
from isometry.datasets.kitti.scans import RATE_HZ
from isometry.datasets.kitti.tracking import KittiTracking
from isometry.evaluation.prediction.cases import LEAST_HISTORY, MOVING_M, SECOND, Case, Recording
from isometry.geometry import se3
from isometry.tracking.detection.detector_models import detector_named
from isometry.tracking.parameters import TrackingParameters
from isometry.tracking.prediction.path_history import PathHistory
from isometry.tracking.tracks.tracker import Tracker
from isometry.tracking.types import PATH_STEPS, Detections

NEAR_M = 2.0  # between a track and its labelled object at most


def tracked_cases(recording: Recording, tracking: KittiTracking, detections: str) -> Iterator[Case]:
    """A case for each moment at which tracks of detections follow labelled objects; `detections` as AB3DMOT names them.

    The tracker is given the ego-motion, so that its tracks lie in the frame of the recording. A track is judged once it
    and the labels of its object are a second old; futures are those of the labels. Raises ValueError for scores that
    the tracker leaves out.
    """
    found = tracking.detections(detections)
    tracker = Tracker(TrackingParameters(detector=detector_named(detections)))
    for stretch in recording.stretches():
        tracker.reset()
        history = PathHistory()
        positions = recording.positions[stretch.start : stretch.stop]
        seen = np.isfinite(positions[..., 0])
        for now in range(len(positions)):
            moment = stretch.start + now
            given = found.of_frame(moment)
            pose = se3.from_planar(*recording.ego_motion.poses[moment])
            stamp_ns = round(moment * 1e9 / RATE_HZ)
            step = tracker.process(Detections(given.boxes, given.scores, given.labels), stamp_ns, pose)
            if any("score" in reason for reason in step.rejected):
                raise ValueError(f"frame {moment}: {'; '.join(step.rejected)}; an unknown detector has scores up to 1")
            history.add(step.tracks, stamp_ns)
            if now < LEAST_HISTORY - 1 or now + 1 == len(positions) or not step.tracks:
                continue
            objects = np.flatnonzero(seen[now])
            histories = history.resampled(step.tracks, stamp_ns)
            of_track, of_object = _nearest(histories[:, -1], positions[now, objects])
            columns = objects[of_object]
            futures = np.full((len(histories), PATH_STEPS, 2), np.nan)
            ahead = positions[now + 1 : now + 1 + PATH_STEPS, columns].swapaxes(0, 1)
            futures[of_track, : ahead.shape[1]] = ahead
            labelled = seen[now - LEAST_HISTORY + 1 : now + 1, columns].all(axis=0)
            judged, moving = np.zeros(len(histories), bool), np.zeros(len(histories), bool)
            judged[of_track] = labelled & np.isfinite(histories[of_track, -LEAST_HISTORY, 0])
            distance = np.linalg.norm(positions[now, columns] - positions[now - SECOND, columns], axis=1)
            moving[of_track] = np.nan_to_num(distance) > MOVING_M
            ids = np.full(len(histories), -1)
            ids[of_track] = recording.ids[columns]
            if (judged & np.isfinite(futures[:, 0, 0])).any():
                yield Case(
                    recording.name,
                    moment,
                    ids,
                    tuple(track.label for track in step.tracks),
                    histories,
                    futures,
                    judged,
                    judged & moving,
                    recording.ego_motion.is_known(moment - SECOND, moment + PATH_STEPS),
                    np.array([track.velocity for track in step.tracks]),
                )


def _nearest(tracks: Array, objects: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows (K,), (K,) of the positions of tracks (A,2) and of objects (B,2) that belong together."""
    apart = np.linalg.norm(tracks[:, None] - objects, axis=-1)
    first, second = linear_sum_assignment(np.minimum(apart, NEAR_M))
    near = apart[first, second] < NEAR_M
    return first[near], second[near]
