"""What predictions are judged on: labelled objects of KITTI tracking, with the ego-motion taken out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.scans import read_poses
from isometry.datasets.kitti.tracking import DONT_CARE, KittiTracking, sequence_name
from isometry.evaluation.prediction.ego_motion import EgoMotion, Moment, ego_motion
from isometry.geometry import se3
from isometry.geometry.planar import rotations
from isometry.tracking.prediction.predictor import HISTORY
from isometry.tracking.types import PATH_STEPS

SECOND = 10  # frames
LEAST_HISTORY = SECOND + 1  # positions before which an object is not judged, and not known to move
MOVING_M = 1.0  # an object is moving if it moved further in the last second


@dataclass(frozen=True)
class Recording:
    """Where A labelled objects were at T moments, 0.1 s apart, in a fixed frame."""

    name: str
    positions: Array  # (T,A,2) metres; NaN while an object is not labelled
    labels: tuple[str, ...]  # (A,)
    ids: NDArray[np.int64]  # (A,)
    ego_motion: EgoMotion
    posed: bool  # the ego-motion was given, not estimated from the labels

    def stretches(self) -> list[range]:
        """Ranges of moments between restarts of the ego-motion: the positions of each are in one frame."""
        return [range(*cut) for cut in pairwise([0, *self.ego_motion.restarts, len(self.positions)])]


@dataclass(frozen=True)
class Case:
    """All A objects that are labelled, or tracked, at one moment."""

    recording: str
    now: int
    ids: NDArray[np.int64]  # (A,)
    labels: tuple[str, ...]  # (A,)
    histories: Array  # (A,21,2) metres, the last one now; NaN before an object was seen
    futures: Array  # (A,30,2) metres; NaN where it is not known
    judged: NDArray[np.bool_]  # (A,) seen for a second without a gap
    moving: NDArray[np.bool_]  # (A,) judged, and moved more than `MOVING_M` in that second
    ego_known: bool  # the ego-motion is known, from a second ago to the end of the prediction
    velocities: Array | None = None  # (A,2) metres a second, of a tracker


def open_recordings(root: Path, sequences: Sequence[str], poses: Mapping[str, Path]) -> list[Recording]:
    """Recordings of some sequences of a KITTI tracking directory.

    `poses` are files of LiDAR poses by sequence, 12 numbers a line; of other sequences the ego-motion is
    estimated from the labels. Raises DatasetError naming what is missing.
    """
    names = [sequence_name(each) for each in sequences]
    files = {sequence_name(each): file for each, file in poses.items()}
    for name in files:
        if name not in names:
            raise DatasetError(f"poses are named for sequence {name}, which is not among {', '.join(names)}")
    return [open_recording(KittiTracking(root, name), files.get(name)) for name in names]


def open_recording(tracking: KittiTracking, poses: Path | None = None) -> Recording:
    """One sequence. Raises DatasetError when there are fewer poses than frames."""
    moments = labelled_moments(tracking)
    if poses is None:
        motion = ego_motion(moments)
    else:
        T_odom_base = read_poses(poses)
        if len(T_odom_base) < len(moments):
            raise DatasetError(
                f"{poses}: {len(T_odom_base)} poses for the {len(moments)} frames of {tracking.sequence}"
            )
        motion = EgoMotion.given(np.array([[*T[:2, 3], se3.yaw(T)] for T in T_odom_base[: len(moments)]]))
    ids = np.unique(np.concatenate([moment.ids for moment in moments] or [np.zeros(0, np.int64)]))
    column = {int(number): k for k, number in enumerate(ids)}
    positions, labels = np.full((len(moments), len(ids), 2), np.nan), [""] * len(ids)
    for k, (moment, pose) in enumerate(zip(moments, motion.poses, strict=True)):
        columns = [column[int(number)] for number in moment.ids]
        positions[k, columns] = moment.boxes[:, :2] @ rotations(pose[2]).T + pose[:2]
        for each, label in zip(columns, moment.labels, strict=True):
            labels[each] = label
    return Recording(tracking.sequence, positions, tuple(labels), ids, motion, poses is not None)


def labelled_moments(tracking: KittiTracking) -> list[Moment]:
    """The objects of each frame, areas of no care left out."""
    everything = tracking.labels.chosen(np.array([label != DONT_CARE for label in tracking.labels.labels], bool))
    frames = (everything.of_frame(k) for k in range(tracking.frame_count))
    return [Moment(frame.ids, frame.boxes, frame.labels) for frame in frames]


def cases_of(recording: Recording) -> Iterator[Case]:
    """A case for each moment at which an object is judged and labelled in the next frame.

    Histories are of the past alone; no case reaches over a restart of the ego-motion.
    """
    for stretch in recording.stretches():
        positions = recording.positions[stretch.start : stretch.stop]
        seen = np.isfinite(positions[..., 0])
        for now in range(LEAST_HISTORY - 1, len(positions) - 1):
            present = np.flatnonzero(seen[now])
            judged = np.asarray(seen[now - LEAST_HISTORY + 1 : now + 1, present].all(axis=0))
            if not (judged & seen[now + 1, present]).any():
                continue
            histories = _window(positions, now - HISTORY + 1, now + 1)[present]
            distance = np.linalg.norm(histories[:, -1] - histories[:, -LEAST_HISTORY], axis=1)
            moment = stretch.start + now
            yield Case(
                recording.name,
                moment,
                recording.ids[present],
                tuple(recording.labels[k] for k in present),
                histories,
                _window(positions, now + 1, now + 1 + PATH_STEPS)[present],
                judged,
                judged & (np.nan_to_num(distance) > MOVING_M),
                recording.ego_motion.is_known(moment - SECOND, moment + PATH_STEPS),
            )


def _window(positions: Array, start: int, end: int) -> Array:
    """(A,end-start,2) of positions (T,A,2); NaN outside of what there is."""
    window = np.full((positions.shape[1], end - start, 2), np.nan)
    first, last = max(start, 0), min(end, len(positions))
    window[:, first - start : last - start] = positions[first:last].swapaxes(0, 1)
    return window
