"""Covariances (6,6) of poses in other frames: x, y, z in metres, then roll, pitch, yaw in radians, as in ROS."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3

AXES = ("x", "y", "z", "roll", "pitch", "yaw")  # the order of rows and columns


def rotated(covariance: Array, rotation: Array) -> Array:
    """`covariance` (6,6) along the axes of another frame, into which `rotation` (3,3) turns vectors."""
    blocks = np.kron(np.eye(2), rotation)
    return np.asarray(blocks @ covariance @ blocks.T)


def at_point(covariance: Array, lever: Array) -> Array:
    """Covariance (6,6) of another frame of the same rigid body, `lever` (3,) metres away, along the same axes.

    An error of the rotation moves the other frame by its cross product with the lever.
    """
    x, y, z = lever
    moved = np.eye(6)
    moved[:3, 3:] = [[0.0, z, -y], [-z, 0.0, x], [y, -x, 0.0]]
    return np.asarray(moved @ covariance @ moved.T)


def propagated(covariance: Array, T_before_after: Array) -> Array:
    """Covariance (6,6) of an error of the pose before a motion, as it appears in the body's frame after the motion."""
    moved = adjoint(se3.inverse(T_before_after))
    return np.asarray(moved @ covariance @ moved.T)


def adjoint(T_target_source: Array) -> Array:
    """The matrix (6,6) that takes a small motion along the axes of the source to one along those of the target.

    Source: Barfoot, State Estimation for Robotics (2017), section 7.3: the adjoint of SE(3).
    """
    rotation, (x, y, z) = T_target_source[:3, :3], T_target_source[:3, 3]
    matrix = np.zeros((6, 6))
    matrix[:3, :3] = matrix[3:, 3:] = rotation
    matrix[:3, 3:] = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]) @ rotation
    return matrix


def reordered(matrix: Array) -> Array:
    """A covariance or information matrix (6,6) with rotation first, as in gtsam and small_gicp, from one as in ROS.

    It is its own inverse: from rotation first to translation first.
    """
    order = [3, 4, 5, 0, 1, 2]
    return matrix[np.ix_(order, order)]


def independent(metres: float, radians: float) -> Array:
    """Covariance (6,6) of equal and independent standard deviations of positions and angles."""
    return np.diag([metres**2] * 3 + [radians**2] * 3)
