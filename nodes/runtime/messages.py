"""Between arrays and geometry messages."""

from __future__ import annotations

from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose, Transform, TransformStamped
from numpy.typing import NDArray

from isometry.geometry import se3

Matrix = NDArray[np.float64]  # (4,4)


def stamp_ns(stamp: Time) -> int:
    """Nanoseconds of a stamp."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def to_stamp(nanoseconds: int) -> Time:
    """Stamp of nanoseconds."""
    seconds, rest = divmod(int(nanoseconds), 1_000_000_000)
    return Time(sec=seconds, nanosec=rest)


def from_transform(message: Transform) -> Matrix:
    """4x4 matrix of a transform message. Raises ValueError for a quaternion without length."""
    return _matrix(message.rotation, message.translation)


def from_pose(message: Pose) -> Matrix:
    """4x4 matrix of a pose message. Raises ValueError for a quaternion without length."""
    return _matrix(message.orientation, message.position)


def _matrix(quaternion: Any, vector: Any) -> Matrix:
    xyzw = np.array([quaternion.x, quaternion.y, quaternion.z, quaternion.w])
    return se3.from_quaternion_translation(xyzw, np.array([vector.x, vector.y, vector.z]))


def to_pose(transform: Matrix) -> Pose:
    """Pose message of a 4x4 matrix."""
    pose = Pose()
    pose.position.x, pose.position.y, pose.position.z = map(float, transform[:3, 3])
    quaternion = map(float, se3.to_quaternion(transform))
    pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w = quaternion
    return pose


def to_transform_stamped(transform: Matrix, target: str, source: str, nanoseconds: int) -> TransformStamped:
    """Message of T_target_source at a time."""
    message = TransformStamped(child_frame_id=source)
    message.header.frame_id, message.header.stamp = target, to_stamp(nanoseconds)
    vector, rotation = message.transform.translation, message.transform.rotation
    vector.x, vector.y, vector.z = map(float, transform[:3, 3])
    rotation.x, rotation.y, rotation.z, rotation.w = map(float, se3.to_quaternion(transform))
    return message
