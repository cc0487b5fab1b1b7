"""Judges the poses of an odometry during a replay against the true poses in the bag."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isometry.arrays import Array, Integers
from isometry.evaluation.common.calibration import inside_two_sigma
from isometry.evaluation.common.trajectory import path_error
from isometry.evaluation.replay.recording import OdometryRecording
from isometry.evaluation.replay.truth import pose_errors, true_poses
from isometry.geometry import se3


@dataclass(frozen=True)
class Judgement:
    """Over the J answers that have a true pose. The true path begins at the first of them, as odometry does."""

    stamps_ns: Integers  # (J,)
    T_odom_true: Array  # (J,4,4) the true poses in the frame of the odometry
    T_odom_base: Array  # (J,4,4) as published
    travelled_m: Array  # (J,) along the true path
    inside_2_sigma: Array  # (3,) share of position errors by axis
    position_error_m: Array  # (J,)
    rotation_error_deg: Array  # (J,)


def judge(bag: Path, recording: OdometryRecording, truth_topic: str) -> Judgement | None:
    """Judge a replay of `bag`; None when the bag has no true poses at the time of two answers.

    Raises DatasetError when the true poses cannot be read.
    """
    found = true_poses(bag, truth_topic, recording.answer_stamps_ns, fewest=2)
    if found is None:
        return None
    known, T_world_true = found
    T_odom_base = recording.T_odom_base[known]
    T_odom_true = T_odom_base[0] @ se3.inverse(T_world_true[0]) @ T_world_true
    steps_m = np.linalg.norm(np.diff(T_odom_true[:, :3, 3], axis=0), axis=1)
    errors = T_odom_base[:, :3, 3] - T_odom_true[:, :3, 3]
    inside = inside_two_sigma(errors[1:], recording.covariances[known][1:, :3, :3])  # the first is the origin
    travelled_m = np.concatenate([[0.0], np.cumsum(steps_m)])
    stamps_ns = recording.answer_stamps_ns[known]
    return Judgement(stamps_ns, T_odom_true, T_odom_base, travelled_m, inside, *pose_errors(T_odom_base, T_odom_true))


def figures(recording: OdometryRecording, judgement: Judgement | None) -> dict[str, Any]:
    """The figures of the report by name; None where it could not be measured."""
    steps_m = np.linalg.norm(np.diff(recording.T_odom_base[:, :3, 3], axis=0), axis=1)
    counts = recording.figures() | {"path_m": float(steps_m.sum()), "judged": judgement is not None}
    if judgement is None:
        return counts
    distance_m, final_m = float(judgement.travelled_m[-1]), float(judgement.position_error_m[-1])
    return counts | {
        "true_path_m": distance_m,
        "final_error_m": final_m,
        "final_error_percent": 100.0 * final_m / distance_m if distance_m > 0.0 else None,
        "final_error_deg": float(judgement.rotation_error_deg[-1]),
        "largest_error_m": float(judgement.position_error_m.max()),
        "path_error_m": path_error(judgement.T_odom_base[:, :3, 3], judgement.T_odom_true[:, :3, 3]),
        "inside_2_sigma": dict(zip("xyz", judgement.inside_2_sigma.tolist(), strict=True)),
    }
