"""Figures of finding a camera in a map, by answers whose errors are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.datasets.rgbd.recording import CameraRecording
from isometry.depth_egomotion.types import CameraFrame
from isometry.evaluation.depth_egomotion.following import choose, follow
from isometry.evaluation.depth_egomotion.relocalisation import Reference, ask, figures, joined, reference_of, tie
from isometry.geometry import se3

if TYPE_CHECKING:
    from test.evaluation.depth_egomotion.conftest import Known


@dataclass(frozen=True, eq=False)
class Answer:
    T_map_camera: Array
    covariance: Array
    accepted: bool = True
    reason: str = ""


@pytest.fixture
def reference(walk: CameraRecording, known: type[Known]) -> Reference:
    assert walk.T_world_colour is not None
    return reference_of(follow(walk, choose(walk), known(walk.T_world_colour)))


def answers(walk: CameraRecording, off_m: Callable[[int], float | None]) -> Callable[[CameraFrame], Answer | None]:
    """Locate a frame by its number, too far along x of the map by some metres; None refuses."""
    assert walk.T_world_colour is not None
    T_map = se3.inverse(walk.T_world_colour[0]) @ walk.T_world_colour

    def locate(frame: CameraFrame) -> Answer | None:
        k = int(frame.colour[0, 0, 0])
        metres = off_m(k)
        if metres is None:
            return None if k % 2 else Answer(T_map[k], np.eye(6), False, "too few points")
        return Answer(se3.from_planar(metres, 0.0, 0.0) @ T_map[k], 0.02**2 * np.eye(6))

    return locate


def test_right_answers_are_right_and_keyframes_that_look_alike_are_near(
    walk: CameraRecording, reference: Reference
) -> None:
    found = figures(ask([walk], answers(walk, lambda k: 0.0), reference, every=4))
    assert found["n"] == found["accepted"] == 16
    assert found["within_5cm_5deg"] == found["within_10cm_10deg"] == 1.0
    assert found["wrong_accepted"] == 0
    assert found["error_m"] < 1e-6
    assert set(found["inside_2_sigma"].values()) == {1.0}
    # every fifth frame is a keyframe; an image of another number is two or fewer numbers off
    alike = found["trivial"]["most_alike"]
    assert alike["within_5cm_5deg"] == pytest.approx(4 / 16)
    assert alike["error_m"] < 0.5


def test_refused_images_are_misses_and_far_answers_are_wrong(walk: CameraRecording, reference: Reference) -> None:
    def off(k: int) -> float | None:
        return None if k < 20 else 0.08 if k < 40 else 0.3

    found = figures(ask([walk], answers(walk, off), reference))
    assert found["n"] == 61
    assert found["accepted"] == 41
    assert found["within_5cm_5deg"] == 0.0
    assert found["within_10cm_10deg"] == pytest.approx(20 / 61)
    assert found["wrong_accepted"] == 21
    assert found["refused"] == {"no answer": 10, "too few points": 10}
    assert found["inside_2_sigma"]["x"] == 0.0
    assert found["inside_2_sigma"]["y"] == 1.0
    nothing = figures(ask([walk], lambda frame: None, reference))
    assert (nothing["accepted"], nothing["error_m"], nothing["inside_2_sigma"]) == (0, None, None)


def test_an_error_of_the_whole_map_is_none_of_the_queries(walk: CameraRecording, reference: Reference) -> None:
    T_other_world = se3.from_planar(3.0, -2.0, 0.7)
    assert walk.T_world_pose is not None
    elsewhere = replace(walk, T_world_pose=T_other_world @ walk.T_world_pose)
    moved = replace(
        reference,
        T_world_map=T_other_world @ reference.T_world_map,
        T_world_keyframe=T_other_world @ reference.T_world_keyframe,
    )
    assert figures(ask([elsewhere], answers(walk, lambda k: 0.0), moved))["within_5cm_5deg"] == 1.0


def test_a_map_is_tied_to_the_world_by_where_its_cameras_look(walk: CameraRecording) -> None:
    assert walk.T_world_colour is not None
    T_world_map = se3.from_rotation_translation(Rotation.from_rotvec([0.4, -1.0, 2.0]).as_matrix(), np.ones(3))
    T_map = se3.inverse(T_world_map) @ walk.T_world_colour
    np.testing.assert_allclose(tie(T_map, walk.T_world_colour), T_world_map, atol=1e-9)
    # a camera that turns on the spot is seen a little beside its place
    spot = T_map[:, :3, 3].mean(axis=0)
    T_map[:, :3, 3] = spot
    T_world = T_world_map @ T_map
    T_world[:, :3, 3] += np.random.default_rng(0).normal(0.0, 0.02, (len(T_map), 3))
    metres, radians = se3.distance(tie(T_map, T_world), T_world_map)
    assert metres < 0.05
    assert radians < 1e-6


def test_walks_are_joined_into_one(walk: CameraRecording) -> None:
    both = joined([walk, walk])
    assert len(both) == 122
    assert (np.diff(both.stamps_s) > 0.0).all()
    assert both.T_world_colour is not None
    assert walk.T_world_colour is not None
    np.testing.assert_allclose(both.T_world_colour[61:], walk.T_world_colour)


def test_walks_of_which_no_map_can_be_made_are_refused(walk: CameraRecording) -> None:
    with pytest.raises(ValueError, match="it has no depth images"):
        joined([replace(walk, depth_paths=())])
    with pytest.raises(ValueError, match="it has no poses"):
        joined([replace(walk, T_world_pose=None)])
    with pytest.raises(ValueError, match="another camera"):
        joined([walk, replace(walk, camera=replace(walk.camera, width=17))])
    with pytest.raises(ValueError, match="no image of the queries"):
        figures([])
