"""How each labelled object was followed: how long, by how many tracks, and with which error of its speed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.kitti.scans import RATE_HZ
from isometry.datasets.kitti.tracking import KittiObjects
from isometry.evaluation.tracking.protocol import JudgedSequence, matches
from isometry.evaluation.tracking.runs import Tracks

SPEED_FRAMES = 5  # on either side of a frame: two labels, exact to some centimetres, are too close for a speed


@dataclass(frozen=True)
class Followed:
    """One labelled object."""

    sequence: str
    id: int
    label: str
    first_frame: int
    frames: int  # with a label
    asked: int  # of them, those in which it must be found
    coverage: float  # share of those in which it was
    ids: int  # different tracks that followed it
    longest_gap: int  # successive frames in which it had to be found and was not
    gap_frame: int | None  # in the middle of them
    speed_m_s: float | None  # its own over ground, median
    speed_error_m_s: float | None  # median of the absolute difference


def followed(
    name: str,
    truth: KittiObjects,
    judged: JudgedSequence,
    tracks: Tracks,
    iou: float,
    score: float,
    T_world_lidar: Array,
) -> list[Followed]:
    """All objects of a sequence; rows of `judged` are those of `truth` and `tracks`; poses (F,4,4) by frame number."""
    rows, columns = matches(judged, iou, score)
    track_of = np.full(len(truth), -1)
    track_of[rows] = columns
    speeds = speeds_over_ground(truth, T_world_lidar)
    objects = []
    for number in np.unique(truth.ids):
        own = np.flatnonzero(truth.ids == number)
        own = own[np.argsort(truth.frames[own])]
        has = track_of[own] >= 0
        asked = ~judged.truth_optional[own]
        first, last = _longest(asked & ~has)
        error = np.abs(tracks.speeds[track_of[own[has]]] - speeds[own[has]])
        objects.append(
            Followed(
                sequence=name,
                id=int(number),
                label=truth.labels[own[0]],
                first_frame=int(truth.frames[own[0]]),
                frames=len(own),
                asked=int(asked.sum()),
                coverage=float(has[asked].mean()) if asked.any() else float(has.mean()),
                ids=len(np.unique(tracks.ids[track_of[own[has]]])),
                longest_gap=last - first,
                gap_frame=int(truth.frames[own[(first + last) // 2]]) if last > first else None,
                speed_m_s=_median(speeds[own]),
                speed_error_m_s=_median(error),
            )
        )
    return objects


def speeds_over_ground(truth: KittiObjects, T_world_lidar: Array) -> Array:
    """Metres a second (G,) of labelled objects: slopes of straight lines through the places of about a second.

    NaN where an object has no label before or after, or a frame no pose.
    """
    places = np.einsum("nij,nj->ni", T_world_lidar[truth.frames, :2, :3], truth.boxes[:, :3])
    places += T_world_lidar[truth.frames, :2, 3]
    speeds = np.full(len(truth), np.nan)
    for number in np.unique(truth.ids):
        own = np.flatnonzero(truth.ids == number)
        for row in own:
            near = own[np.abs(truth.frames[own] - truth.frames[row]) <= SPEED_FRAMES]
            since_s = (truth.frames[near] - truth.frames[row]) / RATE_HZ
            if since_s.min() < 0.0 < since_s.max():
                centred = since_s - since_s.mean()
                speeds[row] = np.hypot(*(centred @ places[near] / (centred @ centred)))
    return speeds


def _longest(flags: NDArray[np.bool_]) -> tuple[int, int]:
    """First row of the longest run of True, and the row after its last; twice 0 where there is none."""
    ends = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))).reshape(-1, 2)
    if not len(ends):
        return 0, 0
    first, last = ends[np.argmax(ends[:, 1] - ends[:, 0])]
    return int(first), int(last)


def _median(values: Array) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None
