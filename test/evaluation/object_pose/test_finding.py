"""What counts as found, with answers that are made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.evaluation.object_pose import finding
from isometry.evaluation.object_pose.cases import BopCases
from isometry.object_pose.baseline import RenderedViewsEstimator
from isometry.object_pose.detection import DetectedObject, ObjectFinder
from isometry.object_pose.types import ObjectPose, PoseMode

NOTHING = np.zeros((1, 1), bool)


def moved(T: Array, metres: float) -> Array:
    other = T.copy()
    other[0, 3] += metres
    return other


def test_each_answer_is_of_the_nearest_instance_of_its_name_and_others_are_counted(
    simulated_bop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = BopCases(simulated_bop, 3)
    frames = [frame for scene in cases.scenes for frame in scene.frames]
    first, second = frames[0].instances[:2]
    assert first.object_number != second.object_number

    def answer(number: int, T_camera_object: Array) -> DetectedObject:
        pose = ObjectPose((PoseMode(T_camera_object, 1.0),), np.eye(6), 0.5, "ok")
        return DetectedObject(str(number), cases.prepared(number).model.mesh, NOTHING, pose, 1.0)

    right = [
        answer(first.object_number, moved(first.T_camera_object, 0.03)),  # a second answer
        answer(first.object_number, first.T_camera_object),
        answer(second.object_number, moved(second.T_camera_object, 1.0)),  # elsewhere
    ]
    images = iter([right, *([] for _ in frames[1:])])
    monkeypatch.setattr(ObjectFinder, "find", lambda *_: next(images))
    found = finding.find(cases, RenderedViewsEstimator())
    assert found.others == 2
    assert len(found.results) == sum(len(frame.instances) for frame in frames)
    assert found.results[0].within(0.1, 1e-6)
    assert [each.answer.reason for each in found.results[1:]] == ["no_hypothesis"] * (len(found.results) - 1)
    assert finding.finding_figures(found)["others"] == 2
