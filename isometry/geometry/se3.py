"""Rigid transforms as 4x4 matrices. `T_target_source` maps points in `source` to `target`; metres and radians."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array


def from_rotation_translation(rotation: Array, translation: Array) -> Array:
    """4x4 transform of a 3x3 rotation and a translation (3,) in metres."""
    transform = np.eye(4)
    transform[:3, :3] = rotation
    transform[:3, 3] = translation
    return transform


def moved(motion: Array) -> Array:
    """T_before_after (4,4) of a motion (6,): metres, then a rotation vector in radians."""
    return from_rotation_translation(Rotation.from_rotvec(motion[3:]).as_matrix(), motion[:3])


def check(transform: Array, name: str) -> None:
    """Raise ValueError, whose message begins with `name`, unless `transform` is a finite 4x4 matrix."""
    if np.shape(transform) != (4, 4) or not np.isfinite(transform).all():
        raise ValueError(f"{name} must be a finite 4x4 matrix")


def from_quaternion_translation(quaternion_xyzw: Array, translation: Array) -> Array:
    """4x4 transform of a quaternion (4,) in ROS order x, y, z, w and a translation (3,) in metres.

    Raises ValueError for a quaternion of zero norm or with NaN.
    """
    return from_rotation_translation(Rotation.from_quat(quaternion_xyzw).as_matrix(), np.asarray(translation))


def to_quaternion(transform: Array) -> Array:
    """Quaternions (4,) or (N,4) in ROS order x, y, z, w of transforms (4,4) or (N,4,4)."""
    quaternion: Array = Rotation.from_matrix(transform[..., :3, :3]).as_quat()
    return quaternion


def from_planar(x: float, y: float, yaw: float) -> Array:
    """4x4 transform of a planar pose: metres, and radians counter-clockwise about z."""
    return from_rotation_translation(Rotation.from_rotvec([0.0, 0.0, yaw]).as_matrix(), np.array([x, y, 0.0]))


def yaw(transform: Array) -> float:
    """Heading in radians about z: the direction in the target's x-y plane of the source's x axis."""
    return float(np.arctan2(transform[1, 0], transform[0, 0]))


def inverse(transform: Array) -> Array:
    """Inverse of 4x4 transforms (..., 4, 4)."""
    rotation_transposed = np.swapaxes(transform[..., :3, :3], -1, -2)
    inverted = np.zeros_like(transform)
    inverted[..., :3, :3] = rotation_transposed
    inverted[..., :3, 3] = -np.einsum("...ij,...j->...i", rotation_transposed, transform[..., :3, 3])
    inverted[..., 3, 3] = 1.0
    return inverted


def apply(transform: Array, points: Array) -> Array:
    """Points (N,3) in the source frame, expressed in the target frame."""
    return points @ transform[:3, :3].T + transform[:3, 3]


def rotation_angle(transform: Array) -> float:
    """Angle in radians of the rotation of a 4x4 transform."""
    return float(Rotation.from_matrix(transform[:3, :3]).magnitude())


def distance(T_target_first: Array, T_target_second: Array) -> tuple[float, float]:
    """Metres between the origins of two frames (4,4), and radians between their orientations."""
    T_first_second = inverse(T_target_first) @ T_target_second
    return float(np.linalg.norm(T_first_second[:3, 3])), rotation_angle(T_first_second)


def error(T_estimated: Array, T_true: Array) -> Array:
    """Error (...,6) of estimated transforms (...,4,4), along the axes of the target; the arguments are broadcast.

    First the translation in metres, then the rotation vector in radians that turns the true orientation into the
    estimated one: the order of the covariances in `geometry.covariance`.
    """
    translation = T_estimated[..., :3, 3] - T_true[..., :3, 3]
    rotation = T_estimated[..., :3, :3] @ np.swapaxes(T_true[..., :3, :3], -1, -2)
    return np.concatenate([translation, Rotation.from_matrix(rotation).as_rotvec()], axis=-1)


def nearest_rotation(matrices: Array) -> Array:
    """Rotations (...,3,3) that are closest to matrices (...,3,3) in the sense of least squares.

    Source: Umeyama, Least-Squares Estimation of Transformation Parameters (1991).
    """
    u, _, v_transposed = np.linalg.svd(matrices)
    u[..., 2] *= np.sign(np.linalg.det(u) * np.linalg.det(v_transposed))[..., None]
    return np.asarray(u @ v_transposed)


def orthonormal(transform: Array) -> Array:
    """A transform (4,4) with an exact rotation: a long chain of products accumulates rounding errors."""
    return from_rotation_translation(nearest_rotation(transform[:3, :3]), transform[:3, 3])


def levelling_rotation(up: Array) -> Array:
    """The smallest 3x3 rotation that turns the direction `up` (3,) to +z; half a turn about x where `up` is -z."""
    rotation, _ = Rotation.align_vectors([[0.0, 0.0, 1.0]], [up / np.linalg.norm(up)])
    matrix: Array = rotation.as_matrix()
    return matrix
