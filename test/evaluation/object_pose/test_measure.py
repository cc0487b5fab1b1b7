"""The figures of object poses, with estimators that are right, wrong and silent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.evaluation.object_pose.cases import BopCases, Case
from isometry.evaluation.object_pose.measure import figures, measure
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.types import ObjectPose, Observation, PoseMode, refusal


class Fixed:
    """Gives prepared answers, one after the other."""

    name = "fixed"

    def __init__(self, answers: list[ObjectPose]) -> None:
        self.answers = list(answers)

    def estimate(self, observation: Observation, model: ObjectModel) -> ObjectPose:
        return self.answers.pop(0)


def answer(T_camera_object: Array, confidence: float) -> ObjectPose:
    return ObjectPose((PoseMode(T_camera_object, 1.0),), np.eye(6), confidence, "ok")


@pytest.fixture(scope="module")
def bop_cases(simulated_bop: Path) -> BopCases:
    return BopCases(simulated_bop)


@pytest.fixture(scope="module")
def cases(bop_cases: BopCases) -> list[Case]:
    return list(bop_cases)


def measured(cases: list[Case], answers: list[ObjectPose]) -> dict[str, Any]:
    return figures(measure(cases, Fixed(answers)))


def test_instances_of_frames_with_depth_are_measured(bop_cases: BopCases, cases: list[Case]) -> None:
    assert [(case.frame.number, case.instance.object_number) for case in cases] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert bop_cases.without_depth == ["000003/000002"]
    assert all(case.visible > 0.95 for case in cases)  # from the mask: the data set does not tell


def test_colours_can_be_left_out(simulated_bop: Path) -> None:
    for without in (False, True):
        case = next(iter(BopCases(simulated_bop, without_colours=without)))
        assert (case.prepared.model.mesh.colours is None) == without


def test_true_poses_have_no_errors(cases: list[Case]) -> None:
    result = measured(cases, [answer(case.T_camera_object, 0.95) for case in cases])
    assert result["n"] == 4
    for name in ("recall_5deg_2cm", "recall_10deg_2cm", "recall_5deg_2cm_shape", "mode_recall", "add_s_recall_0.1d"):
        assert result[name] == 1.0
    assert result["ar_mssd"] == result["ar_mspd"] == 1.0
    assert result["translation_error_m"] == pytest.approx(0.0, abs=1e-9)
    assert (result["overconfident"], result["confident"], result["refused"]) == (0.0, 4, 0)


def test_a_refusal_is_a_miss(cases: list[Case]) -> None:
    answers = [refusal("no_depth"), *(answer(case.T_camera_object, 0.5) for case in cases[1:])]
    result = measured(cases, answers)
    assert result["recall_10deg_2cm"] == result["mode_recall"] == result["add_s_recall_0.1d"] == 0.75
    assert result["refused"] == 1
    row = result["instances"][0]
    assert (row["reason"], row["rotation_error_deg"], row["T_camera_object"]) == ("no_depth", None, None)


def test_a_twin_of_the_shape_is_wrong_but_for_the_shape(cases: list[Case]) -> None:
    box = cases[0]
    turns = box.prepared.model.symmetry.shape.transforms(0.1)
    assert len(turns) == 4
    twins = [box.T_camera_object @ turns[1], *(case.T_camera_object for case in cases[1:])]
    result = measured(cases, [answer(twin, 0.95) for twin in twins])
    assert result["recall_10deg_2cm"] == 0.75
    assert result["recall_5deg_2cm_shape"] == 1.0
    assert result["overconfident"] == 0.25


def test_without_instances_there_are_no_figures() -> None:
    with pytest.raises(ValueError, match="no instance of a frame with depth is at least 30 % visible"):
        figures([])
