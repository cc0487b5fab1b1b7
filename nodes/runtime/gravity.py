"""The direction of up, from an IMU; without ROS."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array

STALE_NS = 500_000_000
"""Largest difference between a sample's stamp and the requested time."""


class GravityFilter:
    """Direction of up in the IMU's frame: from its orientation where it has one, else low-passed specific force."""

    def __init__(self, time_constant_s: float) -> None:
        """`time_constant_s` is that of the low-pass filter of accelerations."""
        self._time_constant_s = time_constant_s
        self._up: Array | None = None
        self._stamp_ns = 0

    def update(self, stamp_ns: int, acceleration: Array, quaternion_xyzw: Array | None) -> None:
        """One sample: specific force (3,) in m/s2 (+9.8 upwards at rest), orientation in a level world if known.

        Samples that are not finite or have no direction are ignored.
        """
        if quaternion_xyzw is not None:
            if np.isfinite(quaternion_xyzw).all() and np.linalg.norm(quaternion_xyzw) > 0.5:
                self._up = Rotation.from_quat(quaternion_xyzw).inv().apply([0.0, 0.0, 1.0])
                self._stamp_ns = stamp_ns
            return
        if not np.isfinite(acceleration).all() or np.linalg.norm(acceleration) < 1.0:
            return
        elapsed_s = (stamp_ns - self._stamp_ns) * 1e-9
        if self._up is None or elapsed_s <= 0.0 or elapsed_s > 10.0 * self._time_constant_s:
            self._up = acceleration.copy()
        else:
            self._up = self._up + (1.0 - np.exp(-elapsed_s / self._time_constant_s)) * (acceleration - self._up)
        self._stamp_ns = stamp_ns

    def up(self, stamp_ns: int) -> Array | None:
        """Unit vector (3,) in the IMU's frame, or None when no sample is near that time."""
        if self._up is None or abs(stamp_ns - self._stamp_ns) > STALE_NS:
            return None
        direction: Array = self._up / np.linalg.norm(self._up)
        return direction
