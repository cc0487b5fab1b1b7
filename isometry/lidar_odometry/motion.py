"""Small motions: at a constant speed over some seconds, and how uncertain a chain of them is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isometry.geometry import se3

Array = NDArray[np.float64]


def moved(twist: Array, seconds: float) -> Array:
    """T_before_after (4,4) of a body that moves so long with a `twist` (6,): m/s in its frame before, then rad/s."""
    rotation = Rotation.from_rotvec(twist[3:] * seconds).as_matrix()
    return se3.from_rotation_translation(rotation, twist[:3] * seconds)


def twist_of(T_before_after: Array, seconds: float) -> Array:
    """Inverse of `moved`."""
    turn = Rotation.from_matrix(T_before_after[:3, :3]).as_rotvec()
    return np.concatenate([T_before_after[:3, 3], turn]) / seconds


def carried(covariance: Array, T_before_after: Array) -> Array:
    """Covariance (6,6: shift, turn) of an error of the pose before a motion, seen in the body's frame after it.

    Source: Barfoot, State Estimation for Robotics (2017), section 7.3: the adjoint of SE(3).
    """
    T_after_before = se3.inverse(T_before_after)
    rotation, (x, y, z) = T_after_before[:3, :3], T_after_before[:3, 3]
    adjoint = np.zeros((6, 6))
    adjoint[:3, :3] = adjoint[3:, 3:] = rotation
    adjoint[:3, 3:] = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]) @ rotation
    return np.asarray(adjoint @ covariance @ adjoint.T)


def in_parent(covariance: Array, T_parent_body: Array) -> Array:
    """Covariance (6,6) along the body's axes, along those of the frame that its pose is given in (ROS)."""
    turn = np.kron(np.eye(2), T_parent_body[:3, :3])
    return np.asarray(turn @ covariance @ turn.T)


def diagonal(metres: float, radians: float) -> Array:
    """Covariance (6,6) of equal and independent standard deviations of shifts and turns."""
    return np.diag([metres**2] * 3 + [radians**2] * 3)
