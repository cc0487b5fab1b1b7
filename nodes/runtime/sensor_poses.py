"""The poses of sensors on the robot, by the parameters base_frame and sensor_pose of a node."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isometry.geometry import se3
from isometry.nodes.runtime.transforms import Transform, TransformBuffer

Points = NDArray[Any]  # of float32 or float64


class SensorPoses:
    """Poses of frames in the base frame at the stamp of a message: from TF, or the identity for all."""

    def __init__(self, transforms: TransformBuffer, base_frame: str, source: str, timeout_s: float) -> None:
        """`source` is "tf" or "identity"; `timeout_s` is how long to wait for transforms on their way."""
        self._transforms, self._base_frame = transforms, base_frame
        self._identity, self._timeout_s = source == "identity", timeout_s

    def pose(self, frame: str, stamp_ns: int) -> Transform:
        """T_base_frame (4,4). Raises TransformError."""
        if self._in_base(frame):
            return np.eye(4)
        return self._transforms.wait(self._base_frame, frame, stamp_ns, self._timeout_s)

    def in_base_frame(self, points: Points, frame: str, stamp_ns: int) -> tuple[Points, Transform]:
        """Points (N,3) of a sensor's frame in the base frame, of the same type, and T_base_sensor (4,4).

        They are not copied where the two frames are one. Raises TransformError.
        """
        T_base_sensor = self.pose(frame, stamp_ns)
        if self._in_base(frame):
            return points, T_base_sensor
        return se3.apply(T_base_sensor.astype(points.dtype), points), T_base_sensor

    def _in_base(self, frame: str) -> bool:
        return self._identity or frame == self._base_frame
