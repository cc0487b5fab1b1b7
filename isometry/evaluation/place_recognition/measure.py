"""Place recognition measured on a drive: some frames are the database, others are queries.

A query has a true revisit when a frame of the database lies within the revisit radius. Recall is over those queries,
the share of wrong acceptances over all. Retrieval is the descriptor search alone; the verified place is the keyframe of
the match.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isometry.arrays import Array
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.evaluation.common import calibration
from isometry.evaluation.common.statistics import median_and_p90
from isometry.evaluation.common.trajectory import RIGHT_DEGREES, RIGHT_METRES
from isometry.evaluation.place_recognition.scan_turn import turns_between
from isometry.geometry import planar, se3
from isometry.place_recognition.calibration import IN_PLANE
from isometry.place_recognition.pipeline import PlaceRecognizer
from isometry.place_recognition.types import PlaceMatch

Progress = Callable[[Iterable[int]], Iterable[int]]  # wraps an iterable and shows its progress
FRAME_NS = 100_000_000


@dataclass(frozen=True)
class QueryResult:
    """One query, its match and the errors of the match."""

    frame: int
    has_revisit: bool
    retrieved_rank: int  # rank, from 0, of the first candidate within the radius; a large number without one
    place_distance: float  # metres from the query to the verified place
    pose_error: (
        Array  # (3,) x, y in metres, yaw in radians, of the pose in the verified keyframe; NaN for an unknown yaw
    )
    position_error: float  # metres, of the position estimated from descriptor distances alone
    match: PlaceMatch
    observe_seconds: float

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
        """Within 2 m and 5 deg; by translation alone where the true yaw is unknown."""
        yaw_right = np.isnan(self.rotation_error) or self.rotation_error < RIGHT_DEGREES
        return self.translation_error < RIGHT_METRES and bool(yaw_right)


@dataclass(frozen=True)
class Drive:
    """A sequence with the true pose of each scan file, and whether its yaw is known."""

    dataset: KittiOdometry
    T_world_scan: Array  # (N,4,4)
    yaw_known: bool

    @classmethod
    def of(cls, dataset: KittiOdometry, progress: Progress = iter) -> Drive:
        """A drive of a data set. Scans of another sequence may be turned; each turn is measured then."""
        if dataset.scans_from is None:
            return cls(dataset, dataset.poses, True)
        upright = KittiOdometry(dataset.root, dataset.sequence)
        if not np.array_equal(upright.frames, dataset.frames):
            return cls(dataset, dataset.poses, False)
        T_upright_scan = [se3.from_planar(0.0, 0.0, -turn) for turn in turns_between(upright, dataset, progress)]
        return cls(dataset, dataset.poses @ np.array(T_upright_scan), True)


def build_database(drive: Drive, rows: Sequence[int], recognizer: PlaceRecognizer, progress: Progress = iter) -> None:
    """Add the scans of `rows` to the recogniser's memory at their true poses."""
    for k in progress(rows):
        observation = recognizer.observe(drive.dataset.scan(k)[:, :3])
        recognizer.add_keyframe(observation, drive.T_world_scan[k], int(drive.dataset.frames[k]) * FRAME_NS)


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
    turning = T_turned_scan[:3, :3].T.astype(np.float32)
    T_world_keyframe = recognizer.memory.poses
    results = []
    for k in progress(rows):
        points = drive.dataset.scan(k)[:, :3]
        if yaw:
            points = points @ turning
        began = time.perf_counter()
        observation = recognizer.observe(points)
        observed = time.perf_counter()
        match = recognizer.recognise(observation)
        T_world_query = drive.T_world_scan[k] @ se3.inverse(T_turned_scan)
        results.append(_judge(drive, k, T_world_query, T_world_keyframe, match, revisit_radius, observed - began))
    return results


def _judge(
    drive: Drive,
    k: int,
    T_world_query: Array,
    T_world_keyframe: Array,
    match: PlaceMatch,
    revisit_radius: float,
    observe_seconds: float,
) -> QueryResult:
    distance = np.linalg.norm(T_world_keyframe[:, :2, 3] - T_world_query[:2, 3], axis=1)
    hits = np.flatnonzero(distance[list(match.candidates)] < revisit_radius)
    assert match.keyframe is not None, "the memory is not empty"
    assert match.T_keyframe_query is not None
    T_keyframe_query = se3.inverse(T_world_keyframe[match.keyframe]) @ T_world_query
    yaw_error = planar.wrapped(np.array(se3.yaw(match.T_keyframe_query) - se3.yaw(T_keyframe_query)))
    shift = match.T_keyframe_query[:2, 3] - T_keyframe_query[:2, 3]
    estimated = match.position_estimate
    return QueryResult(
        frame=int(drive.dataset.frames[k]),
        has_revisit=bool(distance.min() < revisit_radius),
        retrieved_rank=int(hits[0]) if len(hits) else 10**6,
        place_distance=float(distance[match.keyframe]),
        pose_error=np.array([*shift, yaw_error if drive.yaw_known else np.nan]),
        position_error=float(np.linalg.norm(estimated - T_world_query[:2, 3])) if estimated is not None else np.nan,
        match=match,
        observe_seconds=observe_seconds,
    )


def figures(results: Sequence[QueryResult], revisit_radius: float, bytes_per_keyframe: float) -> dict[str, Any]:
    """The figures of a run, by the names in the output of the command. Raises ValueError without a true revisit."""
    revisits = [r for r in results if r.has_revisit]
    if not revisits:
        raise ValueError(f"none of the {len(results)} queries has a frame of the database within {revisit_radius} m")
    accepted = [r for r in revisits if r.match.accepted]
    right = [r for r in accepted if r.pose_right]
    wrong = [r for r in results if r.match.accepted and not r.pose_right]
    return {
        "queries": len(results),
        "queries_with_revisit": len(revisits),
        "recall_at_1_retrieval": _share(r.retrieved_rank < 1 for r in revisits),
        "recall_at_5_retrieval": _share(r.retrieved_rank < 5 for r in revisits),
        "recall_at_1": _share(r.place_distance < revisit_radius for r in revisits),
        "accepted": _share(r.match.accepted for r in revisits),
        "recall_at_1_accepted": _share(r.match.accepted and r.place_distance < revisit_radius for r in revisits),
        "wrong_accepted": len(wrong) / len(results),
        "wrong_accepted_frames": [r.frame for r in wrong],
        "pose_success": len(right) / max(len(accepted), 1),
        "pose_success_all": _share(r.pose_right for r in revisits),
        "translation_error_m": median_and_p90([r.translation_error for r in accepted]),
        "rotation_error_deg": median_and_p90([r.rotation_error for r in accepted]),
        "position_error_m": median_and_p90([r.position_error for r in revisits]),
        "inside_2_sigma": inside_two_sigma(right),
        "descriptor_ms": _milliseconds(r.observe_seconds for r in results),
        "search_ms": _milliseconds(r.match.seconds["search"] for r in results),
        "verify_ms": _milliseconds(r.match.seconds["verify"] for r in results),
        "bytes_per_keyframe": bytes_per_keyframe,
    }


def inside_two_sigma(results: Sequence[QueryResult]) -> dict[str, float]:
    """Share of the errors of right poses within two standard deviations, by axis: 0.954 when calibrated."""
    axes = ("x", "y", "yaw")
    in_plane = np.ix_(IN_PLANE, IN_PLANE)
    covariances = [r.match.covariance[in_plane] for r in results if r.match.covariance is not None]
    if not covariances:
        return dict.fromkeys(axes, float("nan"))
    inside = calibration.inside_two_sigma(np.array([r.pose_error for r in results]), np.array(covariances))
    return dict(zip(axes, inside.tolist(), strict=True))


def evaluate(
    drive: Drive,
    database: Sequence[int],
    queries: Sequence[int],
    recognizer: PlaceRecognizer,
    revisit_radius: float,
    yaws_deg: Sequence[float],
    progress: Progress = iter,
) -> dict[str, Any]:
    """All figures: those of the first yaw, and with several yaws the recall at each of them as `yaw_sweep`."""
    build_database(drive, database, recognizer, progress)
    bytes_per_keyframe = recognizer.memory.bytes_per_keyframe
    runs = {}
    for yaw in yaws_deg:
        results = query(drive, queries, recognizer, revisit_radius, float(np.radians(yaw)), progress)
        runs[f"{yaw:g}"] = figures(results, revisit_radius, bytes_per_keyframe)
    result = dict(next(iter(runs.values())))
    if len(runs) > 1:
        result["yaw_sweep"] = sweep_figures(runs)
    return result


def sweep_figures(runs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Each share over the yaws: mean, worst, and the value of each yaw in degrees."""
    names = ("recall_at_1_retrieval", "recall_at_5_retrieval", "recall_at_1", "pose_success", "wrong_accepted")
    sweep = {}
    for name in names:
        values = {yaw: run[name] for yaw, run in runs.items()}
        worst = max if name == "wrong_accepted" else min
        sweep[name] = {"mean": float(np.mean(list(values.values()))), "worst": worst(values.values()), "by_yaw": values}
    return sweep


def _share(flags: Iterable[bool]) -> float:
    return float(np.mean(list(flags)))


def _milliseconds(seconds: Iterable[float]) -> float:
    return float(np.median([s * 1e3 for s in seconds]))
