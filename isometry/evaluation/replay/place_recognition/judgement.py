"""Judges the answers of a node during a replay against the true poses in the bag.

A query has a true revisit when a keyframe that the node was allowed to match (old enough, far enough back along the
path) lies within the revisit radius of it. Recall counts over those queries; wrong acceptances over all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.rosbag.reader import StampedPoses, read_poses
from isometry.datasets.rosbag.transforms import read_transforms
from isometry.evaluation.common.statistics import mean, median_and_p90
from isometry.evaluation.common.trajectory import RIGHT_DEGREES, RIGHT_METRES, path_error, planar_errors
from isometry.evaluation.replay.recording import PlaceRecognitionRecording
from isometry.evaluation.replay.truth import GROUND_TRUTH, read_truth
from isometry.geometry import se3
from isometry.place_recognition.mapping import PlaceMapperParameters

REVISIT_RADIUS_M = 5.0


@dataclass(frozen=True)
class Judgement:
    """Over A answers and K keyframes. Poses are those of the true world."""

    T_world_base: Array  # (A,4,4)
    T_world_keyframe: Array  # (K,4,4)
    T_odom_keyframe: Array  # (K,4,4)
    has_revisit: NDArray[np.bool_]  # (A,)
    retrieved: NDArray[np.bool_]  # (A,) the first candidate by descriptor alone lies within the radius
    found: NDArray[np.bool_]  # (A,) the verified keyframe does
    translation_error_m: Array  # (A,) in the plane, of the pose in the matched keyframe; NaN: no pose
    rotation_error_deg: Array  # (A,) of yaw

    @property
    def pose_right(self) -> NDArray[np.bool_]:
        """(A,) within 2 m and 5 degrees."""
        return (self.translation_error_m < RIGHT_METRES) & (self.rotation_error_deg < RIGHT_DEGREES)


def judge(
    bag: Path, recording: PlaceRecognitionRecording, gates: PlaceMapperParameters, truth_topic: str = GROUND_TRUTH
) -> Judgement | None:
    """Judge a replay of `bag`, whose node had the loop gates `gates`; None when the bag has no true poses.

    Raises DatasetError when the bag's poses cannot be read.
    """
    truth = read_truth(bag, truth_topic)
    if truth is None:
        return None
    odometry = _odometry(bag, recording.given)
    T_world_base, T_world_keyframe, T_odom_keyframe = (
        poses.at(stamps)
        for poses, stamps in (
            (truth, recording.answer_stamps_ns),
            (truth, recording.keyframe_stamps_ns),
            (odometry, recording.keyframe_stamps_ns),
        )
    )
    apart = np.linalg.norm(T_world_base[:, None, :2, 3] - T_world_keyframe[None, :, :2, 3], axis=2)  # (A,K)
    metres, degrees = _pose_errors(recording, T_world_base, T_world_keyframe)
    allowed = _allowed(recording, odometry.stamps_ns, odometry.poses, gates)
    return Judgement(
        T_world_base=T_world_base,
        T_world_keyframe=T_world_keyframe,
        T_odom_keyframe=T_odom_keyframe,
        has_revisit=(allowed & (apart < REVISIT_RADIUS_M)).any(axis=1),
        retrieved=_within(apart, recording.first_candidates),
        found=_within(apart, recording.keyframes),
        translation_error_m=metres,
        rotation_error_deg=degrees,
    )


def _odometry(bag: Path, given: Mapping[str, str]) -> StampedPoses:
    """The odometry that the node had, out of the bag."""
    if given["odometry"] == "topic":
        return read_poses(bag, given["odom"])
    return read_transforms(bag).path(given.get("odom_frame", "odom"), given.get("base_frame", "base_link"))


def _allowed(
    recording: PlaceRecognitionRecording,
    odometry_stamps_ns: NDArray[np.int64],
    T_odom_base: Array,
    gates: PlaceMapperParameters,
) -> NDArray[np.bool_]:
    """(A,K): whether a keyframe was old enough and far enough back for an answer."""
    steps = np.linalg.norm(np.diff(T_odom_base[:, :3, 3], axis=0), axis=1)
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    at = [
        np.interp(stamps, odometry_stamps_ns, travelled)
        for stamps in (recording.answer_stamps_ns, recording.keyframe_stamps_ns)
    ]
    age_s = (recording.answer_stamps_ns[:, None] - recording.keyframe_stamps_ns[None]) * 1e-9
    far_back_m = at[0][:, None] - at[1][None]
    return np.asarray((age_s >= gates.loop_min_age) & (far_back_m >= gates.loop_min_travel))


def _within(apart: Array, keyframes: NDArray[np.int64]) -> NDArray[np.bool_]:
    within = np.zeros(len(keyframes), dtype=bool)
    known = np.flatnonzero(keyframes >= 0)
    within[known] = apart[known, keyframes[known]] < REVISIT_RADIUS_M
    return within


def _pose_errors(
    recording: PlaceRecognitionRecording, T_world_base: Array, T_world_keyframe: Array
) -> tuple[Array, Array]:
    metres, degrees = np.full((2, len(recording.keyframes)), np.nan)
    posed = (recording.keyframes >= 0) & np.isfinite(recording.T_keyframe_query).all(axis=(1, 2))
    if posed.any():
        T_true = se3.inverse(T_world_keyframe[recording.keyframes[posed]]) @ T_world_base[posed]
        metres[posed], degrees[posed] = planar_errors(recording.T_keyframe_query[posed], T_true)
    return metres, degrees


def precision_recall(recording: PlaceRecognitionRecording, judgement: Judgement) -> tuple[Array, Array, Array]:
    """Confidence thresholds (T,) falling, and at each the precision (T,) and recall (T,) of answers above it.

    An answer is right when its keyframe lies within the revisit radius.
    """
    order = np.argsort(-recording.confidences, kind="stable")
    order = order[recording.keyframes[order] >= 0]
    right = np.cumsum(judgement.found[order] & judgement.has_revisit[order])
    confidences = recording.confidences[order]
    last_of_its_value = np.append(np.diff(confidences) != 0.0, True)[: len(order)]
    precision = right / np.arange(1, len(order) + 1)
    recall = right / max(int(judgement.has_revisit.sum()), 1)
    return confidences[last_of_its_value], precision[last_of_its_value], recall[last_of_its_value]


def figures(recording: PlaceRecognitionRecording, judgement: Judgement | None) -> dict[str, Any]:
    """The figures of the report by name; None where it could not be measured."""
    counts = recording.figures() | {
        "accepted": int(recording.accepted.sum()),
        "keyframes": len(recording.keyframe_stamps_ns),
    }
    if judgement is None:
        return {**counts, "judged": False}
    revisits, accepted = judgement.has_revisit, recording.accepted
    posed = accepted & np.isfinite(judgement.translation_error_m)
    wrong = posed & ~judgement.pose_right
    positions, true_positions = recording.T_map_keyframe[:, :3, 3], judgement.T_world_keyframe[:, :3, 3]
    map_error = path_error(positions, true_positions)
    odometry_error = path_error(judgement.T_odom_keyframe[:, :3, 3], true_positions)
    return {
        **counts,
        "judged": True,
        "queries_with_revisit": int(revisits.sum()),
        "recall_at_1_retrieval": mean(judgement.retrieved[revisits]),
        "recall_at_1": mean(judgement.found[revisits]),
        "recall_at_1_accepted": mean((judgement.found & accepted)[revisits]),
        "wrong_accepted": float(wrong.sum()) / max(len(recording.answer_stamps_ns), 1) if posed.any() else None,
        "pose_success": mean(judgement.pose_right[posed & revisits]),
        "translation_error_m": median_and_p90(judgement.translation_error_m[posed]),
        "rotation_error_deg": median_and_p90(judgement.rotation_error_deg[posed]),
        "path_error_m": map_error,
        "odometry_path_error_m": odometry_error,
    }
