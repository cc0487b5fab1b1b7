"""Place recognition measured on a drive: some frames are the database, others are queries.

A query has a true revisit when a keyframe lies within the revisit radius. It is unknowable when a keyframe elsewhere
shows a place that no sensor can tell from the query's: then only a refusal is honest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Flags
from isometry.evaluation.common.trajectory import RIGHT_DEGREES, RIGHT_METRES
from isometry.evaluation.place_recognition.drives import Drive, Progress
from isometry.geometry import planar, se3
from isometry.place_recognition.memory import PlaceMemory
from isometry.place_recognition.pipeline import PlaceRecognizer
from isometry.place_recognition.types import Observation, PlaceMatch

FRAME_NS = 100_000_000
OUT_OF_REACH_M = 1e9


@dataclass(frozen=True)
class QueryResult:
    """One query, its match and the errors of the match."""

    frame: int
    has_revisit: bool
    retrieved_rank: int  # rank, from 0, of the first candidate within the radius; a large number without one
    place_distance: float  # metres from the query to the verified place; infinite on another storey
    pose_error: (
        Array  # (3,) x, y in metres, yaw in radians, of the pose in the verified keyframe; NaN for an unknown yaw
    )
    height_error: float  # metres; NaN where the true height is unknown
    position_error: float  # metres, of the position estimated from descriptor distances alone
    match: PlaceMatch
    observe_seconds: float
    knowable: bool = True  # no other place of the memory looks the same to any sensor

    @property
    def translation_error(self) -> float:
        """Metres, in the plane."""
        return float(np.hypot(self.pose_error[0], self.pose_error[1]))

    @property
    def rotation_error(self) -> float:
        """Degrees of yaw."""
        return float(np.degrees(abs(self.pose_error[2])))

    @property
    def pose_right(self) -> bool:
        """Within 2 m, also in height, and 5 deg; what is unknown of the true pose does not count."""
        yaw_right = np.isnan(self.rotation_error) or self.rotation_error < RIGHT_DEGREES
        height_right = np.isnan(self.height_error) or self.height_error < RIGHT_METRES
        return self.translation_error < RIGHT_METRES and bool(yaw_right and height_right)


class ScreenedMemory(PlaceMemory):
    """A memory from which keyframes can be hidden for a time."""

    def __init__(self, model_sha256: str, descriptor_size: int) -> None:
        super().__init__(model_sha256, descriptor_size)
        self._hidden: Flags | None = None

    def hide(self, hidden: Flags | None) -> None:
        """From now on, hide the keyframes with a true flag (N,); None: no longer any."""
        self._hidden = hidden

    @property
    def poses(self) -> Array:
        """T_map_base (N,4,4), a copy; those of hidden keyframes are far away from all others."""
        poses = super().poses
        if self._hidden is not None:
            poses[self._hidden, :3, 3] += OUT_OF_REACH_M
        return poses

    def search(
        self, descriptor: NDArray[np.floating], count: int, newest_stamp_ns: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As in any memory, among the keyframes that are not hidden."""
        if self._hidden is None:
            return super().search(descriptor, count, newest_stamp_ns)
        numbers, distances = super().search(descriptor, len(self), newest_stamp_ns)
        shown = ~self._hidden[numbers]
        return numbers[shown][:count], distances[shown][:count]


def build_database(drive: Drive, rows: Sequence[int], recognizer: PlaceRecognizer, progress: Progress = iter) -> None:
    """Add the scans of `rows` to the recogniser's memory at their true poses. Raises ValueError for no rows."""
    if len(rows) == 0:
        raise ValueError(f"no scan of the database is among the {len(drive.frames)} that there are")
    for k in progress(rows):
        observation = recognizer.observe(drive.scan(k))
        recognizer.add_keyframe(observation, drive.T_world_scan[k], int(drive.frames[k]) * FRAME_NS)


def query(
    drive: Drive,
    rows: Sequence[int],
    recognizer: PlaceRecognizer,
    revisit_radius: float,
    yaw: float = 0.0,
    progress: Progress = iter,
) -> list[QueryResult]:
    """Recognise the scans of `rows`, each turned by `yaw` radians about the sensor."""
    T_turned_scan = se3.from_planar(0.0, 0.0, yaw)
    T_world_keyframe = recognizer.memory.poses
    results = []
    for k, observation, seconds in _observations(drive, rows, recognizer, T_turned_scan, progress):
        match = recognizer.recognise(observation)
        T_world_query = drive.T_world_scan[k] @ se3.inverse(T_turned_scan)
        results.append(_judge(drive, k, T_world_query, T_world_keyframe, match, revisit_radius, seconds))
    return results


def query_elsewhere(
    drive: Drive, rows: Sequence[int], recognizer: PlaceRecognizer, radius: float, progress: Progress = iter
) -> list[QueryResult]:
    """Recognise the scans of `rows` without the keyframes within `radius` metres, so that no place is a revisit.

    The recogniser's memory must be a ScreenedMemory. Raises ValueError where it has no keyframe further away.
    """
    memory = recognizer.memory
    assert isinstance(memory, ScreenedMemory)
    T_world_keyframe = memory.poses
    results = []
    for k, observation, seconds in _observations(drive, rows, recognizer, np.eye(4), progress):
        T_world_query = drive.T_world_scan[k]
        near = _distances(drive, T_world_keyframe, T_world_query) <= radius
        if near.all():
            raise ValueError(f"frame {drive.frames[k]}: no frame of the database is further away than {radius:g} m")
        memory.hide(near)
        match = recognizer.recognise(observation)
        memory.hide(None)
        results.append(_judge(drive, k, T_world_query, T_world_keyframe, match, 0.0, seconds))
    return results


def _observations(
    drive: Drive, rows: Sequence[int], recognizer: PlaceRecognizer, T_turned_scan: Array, progress: Progress
) -> Iterator[tuple[int, Observation, float]]:
    """Row, observation and the seconds that it took, for each of the scans, turned."""
    turning = T_turned_scan[:3, :3].T.astype(np.float32)
    for k in progress(rows):
        points = drive.scan(k) @ turning
        began = time.perf_counter()
        observation = recognizer.observe(points)
        yield k, observation, time.perf_counter() - began


def _judge(
    drive: Drive,
    k: int,
    T_world_query: Array,
    T_world_keyframe: Array,
    match: PlaceMatch,
    revisit_radius: float,
    observe_seconds: float,
) -> QueryResult:
    distance = _distances(drive, T_world_keyframe, T_world_query)
    hits = np.flatnonzero(distance[list(match.candidates)] < revisit_radius)
    assert match.keyframe is not None, "the memory is not empty"
    assert match.T_keyframe_query is not None
    T_keyframe_query = se3.inverse(T_world_keyframe[match.keyframe]) @ T_world_query
    yaw_error = planar.wrapped(np.array(se3.yaw(match.T_keyframe_query) - se3.yaw(T_keyframe_query)))
    shift = match.T_keyframe_query[:3, 3] - T_keyframe_query[:3, 3]
    estimated = match.position_estimate
    elsewhere = T_world_keyframe[distance >= revisit_radius]
    twins = [_distances(drive, elsewhere, twin) < revisit_radius for twin in drive.twins(k)]
    return QueryResult(
        frame=int(drive.frames[k]),
        has_revisit=bool(distance.min() < revisit_radius),
        retrieved_rank=int(hits[0]) if len(hits) else 10**6,
        place_distance=float(distance[match.keyframe]),
        pose_error=np.array([*shift[:2], yaw_error if drive.yaw_known else np.nan]),
        height_error=float(abs(shift[2])) if drive.height_known else np.nan,
        position_error=float(np.linalg.norm(estimated - T_world_query[:2, 3])) if estimated is not None else np.nan,
        match=match,
        observe_seconds=observe_seconds,
        knowable=not np.any(twins),
    )


def _distances(drive: Drive, T_world_keyframe: Array, T_world_query: Array) -> Array:
    """Metres (N,) in the plane from keyframes (N,4,4) to a query (4,4); infinite where the storey is another one."""
    apart = T_world_keyframe[:, :3, 3] - T_world_query[:3, 3]
    distance = np.linalg.norm(apart[:, :2], axis=1)
    if drive.height_known:
        distance[np.abs(apart[:, 2]) > RIGHT_METRES] = np.inf
    return np.asarray(distance)
