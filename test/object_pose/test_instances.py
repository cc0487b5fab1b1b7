"""Numbers of objects from image to image, and twins."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.object_pose.instances import Instances, nearest_twin
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.types import ObjectPose, PoseMode

SECOND = 1_000_000_000


def at(x: float) -> Array:
    return se3.from_planar(x, 0.0, 0.0)


def seen(instances: Instances, places: list[float], stamp_ns: int, tags: list[str] | None = None) -> list[int]:
    poses, named = [at(x) for x in places], tags or [""] * len(places)
    numbers = instances.numbers("mug", poses, named, 0.2, stamp_ns)
    for number, pose, tag in zip(numbers, poses, named, strict=True):
        instances.remember("mug", number, pose, tag, stamp_ns)
    return numbers


def test_numbers_follow_the_objects() -> None:
    instances = Instances(5.0)
    assert seen(instances, [0.0, 1.0], 0) == [1, 2]
    assert seen(instances, [1.05, 0.1], 1) == [2, 1]
    assert seen(instances, [1.1], 2) == [2]
    assert seen(instances, [3.0, 0.1], 3) == [3, 1]  # a new one, and the first again
    assert instances.before("mug", 1) is not None
    assert instances.before("box", 1) is None


def test_a_number_is_free_again_after_some_time() -> None:
    instances = Instances(5.0)
    assert seen(instances, [0.0, 1.0], 0) == [1, 2]
    assert seen(instances, [1.0], 4 * SECOND) == [2]
    assert seen(instances, [1.0, 4.0], 8 * SECOND) == [2, 1]
    instances.forget()
    assert seen(instances, [1.0], 8 * SECOND) == [1]


def test_the_tag_of_a_detector_goes_before_the_place() -> None:
    instances = Instances(5.0)
    assert seen(instances, [0.0, 1.0], 0, ["a", "b"]) == [1, 2]
    assert seen(instances, [0.0, 1.0], 1, ["b", "a"]) == [2, 1]
    assert seen(instances, [0.0, 5.0], 2, ["b", "c"]) == [2, 3]


def result(modes: list[tuple[Array, float, Array | None]]) -> ObjectPose:
    return ObjectPose(tuple(PoseMode(*mode) for mode in modes), np.eye(6), 0.5, "ambiguous")


def test_of_twins_the_one_before_comes_first_unless_another_is_much_likelier(printed_box: ObjectModel) -> None:
    T = se3.from_rotation_translation(Rotation.random(random_state=0).as_matrix(), np.array([0.1, 0.0, 0.7]))
    half = se3.from_rotation_translation(np.diag([-1.0, -1.0, 1.0]), np.zeros(3))
    nearly = T @ se3.from_planar(0.001, 0.0, 0.05)
    close = nearest_twin(result([(T @ half, 0.55, None), (T, 0.45, None)]), nearly, printed_box)
    assert np.allclose(close[0].T_camera_object, T)
    assert len(close) == 2
    clear = nearest_twin(result([(T @ half, 0.9, None), (T, 0.1, None)]), nearly, printed_box)
    assert np.allclose(clear[0].T_camera_object, T @ half)


def test_about_a_free_axis_a_pose_keeps_its_turn(plain_can: ObjectModel) -> None:
    axis = plain_can.symmetry.shape.axis
    assert axis is not None
    before = se3.from_rotation_translation(Rotation.random(random_state=3).as_matrix(), np.array([0.0, 0.1, 0.7]))
    centre = plain_can.symmetry.shape.centre
    turn = Rotation.from_rotvec(1.0 * axis).as_matrix()
    turned = before @ se3.from_rotation_translation(turn, centre - turn @ centre)
    first = nearest_twin(result([(turned, 1.0, axis)]), before, plain_can)[0]
    assert np.allclose(first.T_camera_object, before, atol=1e-9)
