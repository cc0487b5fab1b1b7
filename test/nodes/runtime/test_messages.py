import numpy as np
import pytest
from geometry_msgs.msg import Transform
from scipy.spatial.transform import Rotation

from isometry.geometry import se3
from isometry.nodes.runtime import messages


def poses(count: int) -> np.ndarray:
    rotations = Rotation.random(count, random_state=0).as_matrix()
    positions = np.random.default_rng(0).normal(0.0, 100.0, (count, 3))
    return np.array([se3.from_rotation_translation(*pair) for pair in zip(rotations, positions, strict=True)])


def test_poses_and_transforms_come_back_as_they_went() -> None:
    for pose in poses(5):
        assert np.allclose(messages.from_pose(messages.to_pose(pose)), pose, atol=1e-12)
        stamped = messages.to_transform_stamped(pose, "map", "odom", 1)
        assert np.allclose(messages.from_transform(stamped.transform), pose, atol=1e-12)


def test_the_numbers_of_many_poses_are_those_of_each() -> None:
    many = poses(5)
    assert np.allclose(messages.pose_numbers(many), [messages.pose_numbers(pose) for pose in many])
    assert messages.pose_numbers(many[:0]).shape == (0, 7)


def test_a_stamp_comes_back_to_the_nanosecond() -> None:
    assert messages.stamp_ns(messages.to_stamp(1_700_000_000_123_456_789)) == 1_700_000_000_123_456_789


def test_a_quaternion_without_length_is_refused() -> None:
    message = Transform()
    message.rotation.w = 0.0
    with pytest.raises(ValueError, match="zero norm"):
        messages.from_transform(message)
