"""Where the camera is in the odometry's frame: a chain of keyframes, and the camera relative to the last of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.geometry import covariance, se3


@dataclass(frozen=True, eq=False)
class Chain:
    """The end of the chain. It is never moved where it is: to change the keyframe does not change the camera's pose.

    Covariances (6,6) are along the axes of what they are of: metres, then radians.
    """

    keyframe: int  # its number in the map
    T_odom_keyframe: Array  # (4,4)
    keyframe_covariance: Array  # of that
    T_keyframe_camera: Array  # (4,4)
    camera_covariance: Array  # of that

    @staticmethod
    def begun(keyframe: int, T_keyframe_camera: Array, camera_covariance: Array) -> Chain:
        """The odometry begins where the camera is now."""
        return Chain(keyframe, se3.inverse(T_keyframe_camera), np.zeros((6, 6)), T_keyframe_camera, camera_covariance)

    @property
    def T_odom_camera(self) -> Array:
        """(4,4)."""
        return np.asarray(self.T_odom_keyframe @ self.T_keyframe_camera)

    @property
    def covariance(self) -> Array:
        """Of T_odom_camera, along the axes of the camera."""
        carried = covariance.propagated(self.keyframe_covariance, self.T_keyframe_camera)
        return np.asarray(carried + self.camera_covariance)

    def moved(self, T_keyframe_camera: Array, camera_covariance: Array) -> Chain:
        """The camera is elsewhere relative to the keyframe."""
        return Chain(
            self.keyframe, self.T_odom_keyframe, self.keyframe_covariance, T_keyframe_camera, camera_covariance
        )

    def held_by(self, keyframe: int, T_keyframe_camera: Array, camera_covariance: Array) -> Chain:
        """The camera stays, and is known relative to another keyframe: a new one, or one seen again."""
        T_camera_keyframe = se3.inverse(T_keyframe_camera)
        T_odom_keyframe = se3.orthonormal(self.T_odom_camera @ T_camera_keyframe)
        there = covariance.propagated(self.covariance, T_camera_keyframe)
        return Chain(keyframe, T_odom_keyframe, there, T_keyframe_camera, camera_covariance)
