"""Motions at constant velocity."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3


def moved(twist: Array, seconds: float) -> Array:
    """T_before_after (4,4) of a body after some seconds with a `twist` (6,): m/s in its frame before, then rad/s."""
    rotation = Rotation.from_rotvec(twist[3:] * seconds).as_matrix()
    return se3.from_rotation_translation(rotation, twist[:3] * seconds)


def twist_of(T_before_after: Array, seconds: float) -> Array:
    """Inverse of `moved`."""
    turn = Rotation.from_matrix(T_before_after[:3, :3]).as_rotvec()
    return np.concatenate([T_before_after[:3, 3], turn]) / seconds
