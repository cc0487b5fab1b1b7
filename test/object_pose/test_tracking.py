"""Objects that are followed through rendered images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.object_pose.library import KnownObject
from isometry.object_pose.mesh import ObjectMesh
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.parameters import ObjectPoseParameters
from isometry.object_pose.pipeline import ObjectPosePipeline, ObjectPoseStep
from isometry.object_pose.tracking import ObjectTracker
from isometry.object_pose.types import ObjectPose, Observation, PoseMode, refusal
from isometry.object_pose.view import Found, View
from isometry.sensing.cameras import Camera

Observe = Callable[[ObjectMesh, Array], Observation]
TENTH_NS = 100_000_000
T_FIRST = se3.from_rotation_translation(Rotation.random(random_state=1).as_matrix(), np.array([-0.1, -0.03, 0.7]))


def moving(metres: Sequence[float], turn_deg: Sequence[float], count: int) -> list[Array]:
    """Poses (4,4) that shift, and turn about the object's own axes, by the same from one image to the next."""
    poses = [T_FIRST]
    turn = se3.from_rotation_translation(Rotation.from_rotvec(np.radians(turn_deg)).as_matrix(), np.zeros(3))
    for _ in range(count - 1):
        following = poses[-1] @ turn
        following[:3, 3] += metres
        poses.append(following)
    return poses


def followed(model: ObjectModel, seen: Sequence[Observation], T_camera_object: Array) -> list[Array | None]:
    """The poses (4,4) in all images but the first, until the object is lost."""
    first = seen[0]
    tracker = ObjectTracker(model, first.colour, first.depth, first.camera, T_camera_object)
    poses: list[Array | None] = []
    for each in seen[1:]:
        sighting = tracker.follow(each.colour, each.depth, each.camera, T_camera_object)
        poses.append(None if sighting is None else sighting.T_camera_object)
        if sighting is None:
            break
        T_camera_object = sighting.T_camera_object
    return poses


def assert_near(found: Sequence[Array | None], true: Sequence[Array], most_m: float = 0.01) -> None:
    assert len(found) == len(true)
    for k, (T_found, T_true) in enumerate(zip(found, true, strict=True)):
        assert T_found is not None, f"lost in image {k}"
        metres, radians = se3.distance(T_found, T_true)
        assert metres < most_m, f"image {k}"
        assert np.degrees(radians) < 5.0, f"image {k}"


def test_it_is_followed_while_it_moves_and_turns(printed_box: ObjectModel, observe: Observe) -> None:
    true = moving([0.012, 0.004, -0.006], [3.0, -2.0, 1.0], 15)
    seen = [observe(printed_box.mesh, T) for T in true]
    assert_near(followed(printed_box, seen, T_FIRST), true[1:])


def test_a_half_turn_is_followed_and_no_twin_is_taken(printed_box: ObjectModel, observe: Observe) -> None:
    """A box is its own twin after a half turn: only one that goes through all that is between is a turn."""
    true = moving([0.0, 0.0, 0.0], [0.0, 0.0, 7.5], 25)
    assert_near(followed(printed_box, [observe(printed_box.mesh, T) for T in true], T_FIRST), true[1:])


def test_it_is_lost_when_it_is_taken_away_or_jumps(printed_box: ObjectModel, observe: Observe) -> None:
    seen = observe(printed_box.mesh, T_FIRST)
    away = T_FIRST.copy()
    away[:3, 3] += [0.3, 0.0, 0.2]
    assert followed(printed_box, [seen, observe(printed_box.mesh, away)], T_FIRST) == [None]


@pytest.mark.parametrize("seed", range(6))
def test_it_is_lost_when_it_is_put_back_another_way(printed_box: ObjectModel, observe: Observe, seed: int) -> None:
    other = T_FIRST @ se3.from_rotation_translation(Rotation.random(random_state=seed).as_matrix(), np.zeros(3))
    found = followed(printed_box, [observe(printed_box.mesh, T) for T in (T_FIRST, other)], T_FIRST)
    assert found == [None]


def test_another_thing_in_its_place_is_not_it(printed_box: ObjectModel, observe: Observe) -> None:
    seen = observe(printed_box.mesh, T_FIRST)
    red = np.where(seen.mask[..., None], np.array([200, 20, 20], np.uint8), seen.colour)
    other = Observation(np.asarray(red, np.uint8), seen.depth, seen.mask, seen.camera)
    assert followed(printed_box, [seen, other], T_FIRST) == [None]


def test_it_is_followed_while_something_hides_a_third_of_it(printed_box: ObjectModel, observe: Observe) -> None:
    true = moving([0.01, 0.0, 0.0], [0.0, 2.0, 0.0], 10)
    seen = []
    for T in true:
        each = observe(printed_box.mesh, T)
        columns = np.flatnonzero(each.mask.any(axis=0))
        depth, colour = each.depth.copy(), each.colour.copy()
        hidden = slice(columns[0], (2 * columns[0] + columns[-1]) // 3)
        depth[:, hidden], colour[:, hidden] = 0.4, 20
        seen.append(Observation(colour, depth, each.mask, each.camera))
    found = followed(printed_box, [observe(printed_box.mesh, T_FIRST), *seen[1:]], T_FIRST)
    assert_near(found, true[1:], 0.02)  # a flat side of which an edge is hidden slides a little


class Asked:
    """An estimator that knows the answers, and counts the questions."""

    name = "known"

    def __init__(self, *answers: ObjectPose) -> None:
        self.answers = list(answers)
        self.asked = 0

    def estimate(self, observation: Observation, model: ObjectModel) -> ObjectPose:
        self.asked += 1
        return self.answers.pop(0) if self.answers else refusal("no_hypothesis")


def answer(*poses: Array) -> ObjectPose:
    modes = tuple(PoseMode(T, 1.0 / len(poses)) for T in poses)
    return ObjectPose(modes, np.eye(6) * 1e-6, 0.9, "ok" if len(poses) == 1 else "ambiguous")


def run(model: ObjectModel, estimator: Asked, seen: Sequence[tuple[Observation, bool]]) -> list[ObjectPoseStep]:
    """The steps of images ten times a second, each with a detection of the object or without."""
    pipeline = ObjectPosePipeline(
        {"carton": KnownObject("carton", Path("carton.ply"), model, (), True)}, estimator, ObjectPoseParameters()
    )
    steps = []
    for k, (each, detected) in enumerate(seen):
        height, width = each.mask.shape
        view = View(each.colour, each.depth, Camera(each.camera, width, height))
        found = [Found("carton", each.mask, True)] if detected else []
        steps.append(pipeline.process(view, found, (k + 1) * TENTH_NS, np.eye(4)))
    return steps


def test_it_is_estimated_once_and_followed_with_and_without_detections(
    printed_box: ObjectModel, observe: Observe
) -> None:
    true = moving([0.01, 0.0, 0.0], [0.0, 0.0, 2.0], 8)
    estimator = Asked(answer(T_FIRST))
    steps = run(printed_box, estimator, [(observe(printed_box.mesh, T), k % 2 == 0) for k, T in enumerate(true)])
    assert estimator.asked == 1
    assert [[located.name for located in step.objects] for step in steps] == [["carton_1"]] * 8
    assert_near([step.objects[0].T_frame_object for step in steps], true)


def test_it_is_found_again_where_it_was_lost(printed_box: ObjectModel, observe: Observe) -> None:
    away = T_FIRST.copy()
    away[:3, 3] += [0.2, 0.0, 0.0]
    estimator = Asked(answer(T_FIRST), answer(away))
    seen = observe(printed_box.mesh, T_FIRST), observe(printed_box.mesh, away)
    steps = run(printed_box, estimator, [(seen[0], True), (seen[1], True), (seen[1], True)])
    assert estimator.asked == 2
    assert_near([step.objects[0].T_frame_object for step in steps], [T_FIRST, away, away])


def test_one_with_several_poses_is_estimated_again_until_it_is_clear(
    printed_box: ObjectModel, observe: Observe
) -> None:
    twin = T_FIRST @ se3.from_planar(0.0, 0.0, np.pi)
    estimator = Asked(answer(T_FIRST, twin), answer(T_FIRST))
    seen = observe(printed_box.mesh, T_FIRST)
    steps = run(printed_box, estimator, [(seen, True)] * 14)
    assert estimator.asked == 2
    assert [len(step.objects[0].modes) for step in steps] == [2] * 10 + [1] * 4
    assert {located.name for step in steps for located in step.objects} == {"carton_1"}


def test_one_that_no_detection_shows_any_more_is_forgotten(printed_box: ObjectModel, observe: Observe) -> None:
    seen = observe(printed_box.mesh, T_FIRST)
    steps = run(printed_box, Asked(answer(T_FIRST)), [(seen, k == 0) for k in range(55)])
    assert [len(step.objects) for step in steps] == [1] * 51 + [0] * 4


@pytest.mark.parametrize("broken", ["no depth", "behind the camera"])
def test_what_cannot_be_looked_at_is_lost(printed_box: ObjectModel, observe: Observe, broken: str) -> None:
    seen = observe(printed_box.mesh, T_FIRST)
    tracker = ObjectTracker(printed_box, seen.colour, seen.depth, seen.camera, T_FIRST)
    depth, T = np.full_like(seen.depth, np.nan), T_FIRST.copy()
    if broken == "behind the camera":
        depth, T[2, 3] = seen.depth, -0.5
    assert tracker.follow(seen.colour, depth, seen.camera, T) is None
