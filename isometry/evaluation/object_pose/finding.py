"""Object poses measured without a detector: all objects of a data set are looked for in each frame.

No mask is read. An answer belongs to the labelled instance of its name that is nearest to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isometry.datasets.bop.scenes import BopFrame
from isometry.datasets.errors import naming
from isometry.evaluation.common.statistics import median
from isometry.evaluation.object_pose.cases import LEAST_VISIBLE, BopCases, Case
from isometry.evaluation.object_pose.measure import Clock, InstanceResult, compared
from isometry.object_pose.detection import DetectedObject, ObjectFinder
from isometry.object_pose.types import Observation, PoseEstimator, refusal

NEAR = 0.5  # of the diameter, from the true position, up to which an answer is of an instance


@dataclass(frozen=True, eq=False)
class Finding:
    """The results of all instances that are visible enough, as far as the data set tells, and what else was found."""

    results: list[InstanceResult]  # the times of each are those of its whole image
    others: int  # answers that are of no labelled instance: another name, a second answer, or nothing is labelled there
    processor_seconds: list[float]  # of each image


def find(cases: BopCases, estimator: PoseEstimator, advance: Callable[[int], None] = lambda done: None) -> Finding:
    """Find all objects in all frames, and compare their poses with the true ones. `advance` is told how many are done.

    Raises DatasetError naming what is missing or cannot be used.
    """
    objects = cases.objects
    finder = ObjectFinder({str(number): each.model for number, each in objects.items()}, estimator)
    results: list[InstanceResult] = []
    others, seconds = 0, []
    for frame in (frame for scene in cases.scenes for frame in scene.frames):
        colour, depth = frame.colour(), frame.depth()
        with naming(frame.depth_path):
            nothing = Observation(colour, depth, np.zeros(depth.shape, bool), frame.camera)
        began = Clock()
        found = finder.find(colour, depth, frame.camera)
        times = began.seconds()
        answers = _assigned(frame, found, cases)
        for instance, answer in zip(frame.instances, answers, strict=True):
            visible = 1.0 if instance.visible is None else instance.visible
            if visible >= LEAST_VISIBLE:
                case = Case(frame, instance, nothing, cases.prepared(instance.object_number), visible)
                results.append(compared(case, refusal("no_hypothesis") if answer is None else answer.pose, times))
        others += len(found) - sum(answer is not None for answer in answers)
        seconds.append(times[1])
        advance(len(results))
    return Finding(results, others, seconds)


def finding_figures(finding: Finding) -> dict[str, Any]:
    """What is told beside the figures of the instances."""
    return {"others": finding.others, "processor_seconds_per_image": median(finding.processor_seconds)}


def _assigned(frame: BopFrame, found: Sequence[DetectedObject], cases: BopCases) -> list[DetectedObject | None]:
    """For each instance of a frame the nearest answer of its name, each of which is given once."""
    distances = [
        (float(np.linalg.norm((each.T_camera_object - instance.T_camera_object)[:3, 3])), k, j)
        for k, instance in enumerate(frame.instances)
        for j, each in enumerate(found)
        if each.name == str(instance.object_number)
    ]
    answers: list[DetectedObject | None] = [None] * len(frame.instances)
    given: set[int] = set()
    for distance, k, j in sorted(distances):
        diameter = cases.prepared(frame.instances[k].object_number).model.mesh.diameter
        if answers[k] is None and j not in given and distance < NEAR * diameter:
            answers[k] = found[j]
            given.add(j)
    return answers
