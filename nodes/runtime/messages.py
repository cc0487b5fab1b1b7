"""Between arrays and geometry messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose, Transform, TransformStamped

from isometry.arrays import Array
from isometry.geometry import se3


def stamp_ns(stamp: Time) -> int:
    """Nanoseconds of a stamp."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def to_stamp(nanoseconds: int) -> Time:
    """Stamp of nanoseconds."""
    seconds, rest = divmod(int(nanoseconds), 1_000_000_000)
    return Time(sec=seconds, nanosec=rest)


def from_transform(message: Transform) -> Array:
    """4x4 matrix of a transform message. Raises ValueError for a quaternion without length."""
    return _matrix(message.rotation, message.translation)


def from_pose(message: Pose) -> Array:
    """4x4 matrix of a pose message. Raises ValueError for a quaternion without length."""
    return _matrix(message.orientation, message.position)


def _matrix(quaternion: Any, vector: Any) -> Array:
    xyzw = np.array([quaternion.x, quaternion.y, quaternion.z, quaternion.w])
    return se3.from_quaternion_translation(xyzw, np.array([vector.x, vector.y, vector.z]))


def pose_numbers(transforms: Array) -> Array:
    """x, y, z in metres and a quaternion x, y, z, w (7,) or (N,7) of transforms (4,4) or (N,4,4)."""
    return np.concatenate([transforms[..., :3, 3], se3.to_quaternion(transforms)], axis=-1)


def to_pose(transform: Array) -> Pose:
    """Pose message of a 4x4 matrix."""
    pose = Pose()
    fill_pose(pose, pose_numbers(transform).tolist())
    return pose


def fill_pose(pose: Pose, numbers: Sequence[float]) -> None:
    """Write the seven `pose_numbers` into a message."""
    position, orientation = pose.position, pose.orientation
    position.x, position.y, position.z = numbers[:3]
    orientation.x, orientation.y, orientation.z, orientation.w = numbers[3:]


def to_transform_stamped(transform: Array, target: str, source: str, nanoseconds: int) -> TransformStamped:
    """Message of T_target_source at a time."""
    message = TransformStamped(child_frame_id=source)
    message.header.frame_id, message.header.stamp = target, to_stamp(nanoseconds)
    vector, rotation = message.transform.translation, message.transform.rotation
    vector.x, vector.y, vector.z = map(float, transform[:3, 3])
    rotation.x, rotation.y, rotation.z, rotation.w = map(float, se3.to_quaternion(transform))
    return message
