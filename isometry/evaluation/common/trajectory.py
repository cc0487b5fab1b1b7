"""Errors of trajectories."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3

RIGHT_METRES, RIGHT_DEGREES = 2.0, 5.0  # a pose is right when both planar errors are smaller


def align(positions: Array, true_positions: Array) -> Array:
    """T_true_path (4,4): the least-squares rigid motion of positions (N,3) to the true ones (N,3).

    Source: Umeyama, Least-Squares Estimation of Transformation Parameters (1991), without scale. Raises ValueError
    without positions.
    """
    if not len(positions):
        raise ValueError("no positions to align")
    centre, true_centre = positions.mean(axis=0), true_positions.mean(axis=0)
    correlation = (true_positions - true_centre).T @ (positions - centre)
    rotation = se3.nearest_rotation(correlation)
    return se3.from_rotation_translation(rotation, true_centre - rotation @ centre)


def path_error(positions: Array, true_positions: Array) -> float:
    """Root mean square distance in metres of positions (N,3) from the true ones (N,3) after `align`."""
    aligned = se3.apply(align(positions, true_positions), positions)
    return float(np.sqrt(np.mean(np.sum((aligned - true_positions) ** 2, axis=1))))


def planar_errors(T_estimated: Array, T_true: Array) -> tuple[Array, Array]:
    """Metres in x-y and degrees of yaw (N,) by which estimated poses (N,4,4) differ from true ones (N,4,4)."""
    T_true_estimated = se3.inverse(T_true) @ T_estimated
    metres = np.linalg.norm(T_true_estimated[:, :2, 3], axis=1)
    degrees = np.degrees(np.abs(Rotation.from_matrix(T_true_estimated[:, :3, :3]).as_euler("ZYX")[:, 0]))
    return metres, degrees
