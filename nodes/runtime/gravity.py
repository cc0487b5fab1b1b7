"""The direction of up, from an IMU; without ROS."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.sensing.units import check_specific_force

STALE_NS = 500_000_000
"""Largest difference between a sample's stamp and the requested time."""
SETTLED = 3.0
"""Time constants after which the first sample, which can be a bump, has little weight in the average."""


class GravityFilter:
    """Direction of up in the IMU's frame: from its orientation where it has one, else low-passed specific force."""

    def __init__(self, time_constant_s: float) -> None:
        """`time_constant_s` is that of the low-pass filter of accelerations."""
        self._time_constant_s = time_constant_s
        self._up: Array | None = None
        self._stamp_ns = 0
        self._measures_force = False  # or an orientation, whose length tells nothing
        self._average_since_ns = 0

    def update(self, stamp_ns: int, acceleration: Array, quaternion_xyzw: Array | None) -> None:
        """One sample: specific force (3,) in m/s2 (+9.8 upwards at rest), orientation in a level world if known.

        Samples that are not finite are ignored.
        """
        if quaternion_xyzw is not None:
            if np.isfinite(quaternion_xyzw).all() and np.linalg.norm(quaternion_xyzw) > 0.5:
                self._up = Rotation.from_quat(quaternion_xyzw).inv().apply([0.0, 0.0, 1.0])
                self._stamp_ns, self._measures_force = stamp_ns, False
            return
        if not np.isfinite(acceleration).all():
            return
        elapsed_s = (stamp_ns - self._stamp_ns) * 1e-9
        if self._up is None or not self._measures_force or not 0.0 < elapsed_s <= 10.0 * self._time_constant_s:
            self._up, self._average_since_ns, self._measures_force = acceleration.copy(), stamp_ns, True
        else:
            self._up = self._up + (1.0 - np.exp(-elapsed_s / self._time_constant_s)) * (acceleration - self._up)
        self._stamp_ns = stamp_ns

    def up(self, stamp_ns: int) -> Array | None:
        """Unit vector (3,) in the IMU's frame, or None when no sample is near that time.

        Raises ValueError when the mean specific force is not about that of gravity: of another unit, such as g, or
        without gravity, whose direction would be that of the robot's own acceleration.
        """
        if self._up is None or abs(stamp_ns - self._stamp_ns) > STALE_NS:
            return None
        length = float(np.linalg.norm(self._up))
        averaged_s = (self._stamp_ns - self._average_since_ns) * 1e-9
        if self._measures_force and averaged_s >= SETTLED * self._time_constant_s:
            check_specific_force(length)
        return self._up / length if length > 0.0 else None
