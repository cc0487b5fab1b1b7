"""From images and detections to the poses of objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.object_pose.baseline import RenderedViewsEstimator
from isometry.object_pose.library import KnownObject
from isometry.object_pose.mesh import ObjectMesh
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.overlay import drawn
from isometry.object_pose.parameters import ObjectPoseParameters
from isometry.object_pose.pipeline import ObjectPosePipeline
from isometry.object_pose.types import Observation
from isometry.object_pose.view import Found, View, view_of
from isometry.sensing.cameras import Camera

Observe = Callable[[ObjectMesh, Array], Observation]
T_TRUE = se3.from_rotation_translation(Rotation.random(random_state=1).as_matrix(), np.array([0.05, -0.03, 0.7]))


def known(name: str, model: ObjectModel) -> KnownObject:
    return KnownObject(name, Path(f"{name}.ply"), model, (), True)


def pipeline_of(models: dict[str, ObjectModel], **parameters: float) -> ObjectPosePipeline:
    library = {name: known(name, model) for name, model in models.items()}
    return ObjectPosePipeline(library, RenderedViewsEstimator(), ObjectPoseParameters(**parameters))  # type: ignore[arg-type]


def view(seen: Observation, scale: float = 1.0) -> View:
    height, width = seen.mask.shape
    return View(seen.colour, scale * seen.depth, Camera(seen.camera, width, height))


def shifted(seen: Observation, T_first_now: Array) -> Observation:
    """What a camera sees that has moved sideways, of something that is all about as far away: pixels are shifted."""
    distance = float(np.median(seen.depth[seen.mask]))
    columns = round(T_first_now[0, 3] * seen.camera[0, 0] / distance)
    return replace(
        seen, colour=np.roll(seen.colour, -columns, axis=1), depth=np.roll(seen.depth, -columns, axis=1),
        mask=np.roll(seen.mask, -columns, axis=1),
    )  # fmt: skip


@pytest.fixture(scope="module")
def observation(printed_box: ObjectModel, observe: Observe) -> Observation:
    return observe(printed_box.mesh, T_TRUE)


def test_a_mask_and_a_box_give_the_pose_in_the_frame_of_the_output(
    printed_box: ObjectModel, observation: Observation
) -> None:
    rows, columns = np.flatnonzero(observation.mask.any(axis=1)), np.flatnonzero(observation.mask.any(axis=0))
    box = np.zeros_like(observation.mask)
    box[rows[0] - 3 : rows[-1] + 4, columns[0] - 3 : columns[-1] + 4] = True
    T_frame_camera = se3.from_rotation_translation(Rotation.random(random_state=7).as_matrix(), np.array([1.0, 2, 3]))
    pipeline = pipeline_of({"carton": printed_box})
    for stamp_ns, found in enumerate([Found("carton", observation.mask, True), Found("carton", box, False)]):
        step = pipeline.process(view(observation), [found], stamp_ns, T_frame_camera)
        (located,) = step.objects
        assert (located.name, step.refused) == ("carton_1", ())
        metres, radians = se3.distance(located.T_frame_object, T_frame_camera @ T_TRUE)
        assert np.degrees(radians) < 3.0
        assert metres < 0.005
        assert np.linalg.eigvalsh(located.covariance).min() > 0.0
        expected = np.linalg.eigvalsh(located.pose.covariance)
        np.testing.assert_allclose(np.linalg.eigvalsh(located.covariance), expected, rtol=1e-6)


@pytest.mark.slow
def test_without_a_detector_objects_are_looked_for_and_then_followed(
    printed_box: ObjectModel, observation: Observation
) -> None:
    pipeline = pipeline_of({"carton": printed_box}, search_every=30.0, forget_after=1.0)
    nothing_there = View(observation.colour, np.full_like(observation.depth, 1.2), view(observation).camera)
    assert pipeline.process(nothing_there, None, 0, np.eye(4)).objects == ()
    seconds = []
    for stamp_s in (1, 2, 12, 40):
        step = pipeline.process(view(observation), None, stamp_s * 1_000_000_000, np.eye(4))
        (located,) = step.objects
        assert located.name == "carton_1"
        metres, radians = se3.distance(located.T_frame_object, T_TRUE)
        assert np.degrees(radians) < 3.0
        assert metres < 0.005
        seconds.append(sum(step.seconds.values()))
    assert max(seconds[1:3]) < 0.5 * min(seconds[0], seconds[3])  # only at 1 and 40 s it was looked for
    assert pipeline.process(nothing_there, None, 41 * 1_000_000_000, np.eye(4)).objects == ()


@pytest.mark.slow
def test_a_search_that_takes_long_goes_on_in_the_next_images(
    printed_box: ObjectModel, plain_bracket: ObjectModel, observation: Observation
) -> None:
    models = {"carton": printed_box, "bracket": plain_bracket}
    at_once = pipeline_of(models, time_limit=600.0).process(view(observation), None, 0, np.eye(4))
    assert [located.name for located in at_once.objects] == ["carton_1"]
    pipeline = pipeline_of(models, time_limit=0.05)
    # the camera moves by 4 mm in each image, and the object stands
    moved, steps = np.eye(4), []
    for k in range(40):
        moved = se3.from_rotation_translation(np.eye(3), np.array([0.004 * k, 0.0, 0.0]))
        seen = shifted(observation, moved)
        steps.append(pipeline.process(view(seen), None, k * 100_000_000, moved))
        if steps[-1].objects:
            break
    assert len(steps) > 1
    (located,) = steps[-1].objects
    metres, radians = se3.distance(located.T_frame_object, T_TRUE)
    assert np.degrees(radians) < 4.0
    assert metres < 0.008


@pytest.mark.slow
def test_what_a_long_search_finds_again_keeps_its_number(
    printed_box: ObjectModel, plain_bracket: ObjectModel, observation: Observation
) -> None:
    models = {"carton": printed_box, "bracket": plain_bracket}
    pipeline = pipeline_of(models, time_limit=0.05, search_every=1.0, forget_after=600.0)
    names = [
        {located.name for located in pipeline.process(view(observation), None, k * 200_000_000, np.eye(4)).objects}
        for k in range(60)
    ]
    assert {"carton_1"} in names
    assert set().union(*names) == {"carton_1"}
    pipeline.forget()  # as when time jumps: what a search in an image of then finds is of no use
    assert pipeline.process(view(observation), None, 0, np.eye(4)).objects == ()


def test_every_detection_without_a_pose_has_a_reason(printed_box: ObjectModel, observation: Observation) -> None:
    pipeline = pipeline_of({"carton": printed_box}, fewest_pixels=100)
    small = np.zeros_like(observation.mask)
    small[:5, :5] = True

    def reasons(seen: View, found: Sequence[Found]) -> list[tuple[str, str]]:
        step = pipeline.process(seen, found, 0, np.eye(4))
        assert step.objects == ()
        return [(reason, words) for _, reason, words in step.refused]

    exact = Found("carton", observation.mask, True)
    found = [Found("person", observation.mask, False), Found("carton", small, True)]
    assert [reason for reason, _ in reasons(view(observation), found)] == ["unknown", "too_small"]
    ((reason, words),) = reasons(view(observation, 1000.0), [exact])
    assert (reason, words) == (
        "other_size", "what was measured is about 1000 times its size: is the depth in millimetres?",
    )  # fmt: skip
    assert reasons(view(observation, 0.0), [exact])[0][0] == "no_depth"
    assert reasons(view(observation, 0.0), [Found("carton", observation.mask, False)])[0][0] == "no_depth"
    pipeline.parameters = ObjectPoseParameters(least_confidence=1.0)
    assert reasons(view(observation), [exact])[0][0] == "low_confidence"


def test_what_the_time_is_over_for_comes_first_in_the_next_image(
    printed_box: ObjectModel, plain_bracket: ObjectModel, observation: Observation
) -> None:
    pipeline = pipeline_of({"carton": printed_box, "other": printed_box}, time_limit=0.05)
    found = [Found(name, observation.mask, True) for name in ("carton", "other")]
    first = pipeline.process(view(observation), found, 0, np.eye(4))
    second = pipeline.process(view(observation), found, 1, np.eye(4))
    assert [located.name for located in first.objects] == ["carton_1"]
    assert [reason for _, reason, _ in first.refused] == ["out_of_time"]
    assert [located.name for located in second.objects] == ["carton_1", "other_1"]  # the first one is followed
    assert second.refused == ()


def test_images_that_do_not_fit_their_cameras_are_refused(observation: Observation) -> None:
    height, width = observation.mask.shape
    camera = Camera(observation.camera, width, height)
    half = observation.depth[::2, ::2]
    with pytest.raises(ValueError, match=r"the colour image is 640x240, and its camera_info is of 640x480"):
        view_of(observation.colour[::2], camera, observation.depth, None, np.eye(4))
    with pytest.raises(ValueError, match=r"the depth image, which should be registered .* is 320x240"):
        view_of(observation.colour, camera, half, None, np.eye(4))
    smaller = Camera(np.diag([0.5, 0.5, 1.0]) @ observation.camera, width // 2, height // 2)
    seen = view_of(observation.colour, camera, half, smaller, np.eye(4))
    inner = seen.depth[40:-40, 40:-40]
    assert (inner > 0.0).mean() > 0.99
    assert np.median(np.abs(inner - observation.depth[40:-40, 40:-40])) < 0.002


def test_the_drawing_shows_the_silhouette(printed_box: ObjectModel, observation: Observation) -> None:
    before = observation.colour.copy()
    image = drawn(observation.colour, observation.camera, [(printed_box, T_TRUE)])
    changed = (image != observation.colour).any(axis=2)
    assert (changed & observation.mask).sum() > 0.95 * observation.mask.sum()
    assert changed.sum() < 1.3 * observation.mask.sum()
    np.testing.assert_array_equal(observation.colour, before)
    away = T_TRUE.copy()
    away[0, 3] = 5.0
    np.testing.assert_array_equal(drawn(before, observation.camera, [(printed_box, away)]), before)
