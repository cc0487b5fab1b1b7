"""Directions and rotations that are spread evenly."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array

SQUARE_RATIO, CUBE_RATIO = 2.0**0.5, 1.533751168755204288118041  # of the super-Fibonacci spiral


def directions(count: int) -> Array:
    """Unit vectors (count,3), spread evenly over the sphere on a Fibonacci spiral."""
    number = np.arange(count) + 0.5
    heights, angles = 1.0 - 2.0 * number / count, np.pi * (1.0 + 5.0**0.5) * number
    radii = np.sqrt(1.0 - heights**2)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles), heights], axis=1)


def rotations(count: int) -> Array:
    """Rotations (count,3,3), spread evenly over SO(3).

    Source: Alexa, "Super-Fibonacci spirals: fast, low-discrepancy sampling of SO(3)" (CVPR 2022).
    """
    number = np.arange(count) + 0.5
    share = number / count
    inner, outer = np.sqrt(share), np.sqrt(1.0 - share)
    first, second = 2.0 * np.pi * number / SQUARE_RATIO, 2.0 * np.pi * number / CUBE_RATIO
    quaternions = [inner * np.sin(first), inner * np.cos(first), outer * np.sin(second), outer * np.cos(second)]
    matrices: Array = Rotation.from_quat(np.stack(quaternions, axis=1)).as_matrix()
    return matrices
