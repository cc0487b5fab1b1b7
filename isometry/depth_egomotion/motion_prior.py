"""What is known of a camera's motion before its next image: it goes on as it did, within what a hand can do."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array
from isometry.depth_egomotion.alignment import motion_of
from isometry.geometry import se3

ACCELERATION = 4.0  # m/s^2 of a hand or a robot, one standard deviation
TURNING_ACCELERATION = 12.0  # rad/s^2
RESTING = 0.002  # metres and radians, of a camera that stands
SPEED, TURNING_SPEED = 0.5, 1.0  # m/s and rad/s, of a camera of which nothing is known


class MotionPrior:
    """Follows the velocity of the camera along its own axes."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Nothing is known."""
        self.velocity = np.zeros(6)  # m/s, then rad/s
        self._known = False

    def predicted(self, seconds: float) -> Array:
        """T_before_after (4,4) after some seconds."""
        return se3.moved(self.velocity * seconds)

    def sigma(self, seconds: float) -> Array:
        """Standard deviations (6,) of the prediction, metres and radians."""
        change = np.repeat([ACCELERATION, TURNING_ACCELERATION], 3) * seconds**2
        if not self._known:
            change = change + np.repeat([SPEED, TURNING_SPEED], 3) * seconds
        return change + RESTING

    def measured(self, T_before_after: Array, seconds: float) -> None:
        """A motion that was seen."""
        self.velocity, self._known = motion_of(T_before_after) / seconds, True

    def fading(self) -> None:
        """A motion was not seen: the camera is taken to slow down."""
        self.velocity, self._known = 0.5 * self.velocity, False
