"""Judges the poses of relocalisation during a replay against the true poses in the bag."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isometry.arrays import Array, Integers
from isometry.evaluation.common.calibration import inside_two_sigma
from isometry.evaluation.common.statistics import mean, median_and_p90
from isometry.evaluation.common.trajectory import RIGHT_DEGREES, RIGHT_METRES, path_error
from isometry.evaluation.replay.recording import RelocalizationRecording
from isometry.evaluation.replay.truth import pose_errors, true_poses


@dataclass(frozen=True)
class Judgement:
    """Over the J answers that have a true pose."""

    stamps_ns: Integers  # (J,)
    T_map_true: Array  # (J,4,4) the true poses, taken to be in the frame of the map
    T_map_base: Array  # (J,4,4) as published
    inside_2_sigma: Array  # (3,) share of position errors by axis
    position_error_m: Array  # (J,)
    rotation_error_deg: Array  # (J,)


def judge(bag: Path, recording: RelocalizationRecording, truth_topic: str) -> Judgement | None:
    """Judge a replay of `bag`; None when the bag has no true pose at the time of an answer.

    Raises DatasetError when the true poses cannot be read.
    """
    found = true_poses(bag, truth_topic, recording.answer_stamps_ns, fewest=1)
    if found is None:
        return None
    known, T_map_true = found
    T_map_base = recording.T_map_base[known]
    errors = T_map_base[:, :3, 3] - T_map_true[:, :3, 3]
    inside = inside_two_sigma(errors, recording.covariances[known][:, :3, :3])
    return Judgement(
        recording.answer_stamps_ns[known], T_map_true, T_map_base, inside, *pose_errors(T_map_base, T_map_true)
    )


def figures(recording: RelocalizationRecording, judgement: Judgement | None) -> dict[str, Any]:
    """The figures of the report by name; None where it could not be measured."""
    counts = recording.figures()
    answers, scans = recording.answer_stamps_ns, recording.scan_stamps_ns
    counts |= {
        "first_pose_after_s": float(answers[0] - scans[0]) * 1e-9 if len(answers) else None,
        "first_pose_after_scans": int(np.searchsorted(scans, answers[0])) + 1 if len(answers) else None,
        "times_found": int(recording.diagnostics.get("found", 0)),
        "judged": judgement is not None,
    }
    if judgement is None:
        return counts
    metres, degrees = judgement.position_error_m, judgement.rotation_error_deg
    right = (metres < RIGHT_METRES) & (degrees < RIGHT_DEGREES)
    return counts | {
        "position_error_m": median_and_p90(metres),
        "rotation_error_deg": median_and_p90(degrees),
        "right": mean(right),
        "wrong_poses": int((~right).sum()),
        "path_error_m": path_error(judgement.T_map_base[:, :3, 3], judgement.T_map_true[:, :3, 3]),
        "inside_2_sigma": dict(zip("xyz", judgement.inside_2_sigma.tolist(), strict=True)),
    }
