"""By how much the depth of a camera is taken later than its colour, beyond what the stamps say."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array

WEIGHTS = np.array([1.0, 1.0, 1.0, 4.0, 4.0, 4.0])  # metres and radians squared by their effect in the image, at 2 m
MEMORY = 100.0  # images over which the delay is averaged
FIRST = 0.3  # sum of weighted squared speeds, at which half of a first estimate is believed
STAMP_ERROR_S = 0.003  # standard deviation of the delay of a single image
LEAST = 1e-5  # metres and radians
LARGEST_S = 0.05


class Delay:
    """Learns the delay of a pair of cameras, which is the same for all images, from the motion between the two.

    Drivers stamp images when they arrive, and colour takes longer on its way than depth, or the other way round.
    """

    def __init__(self) -> None:
        self.seconds = 0.0  # beyond the stamps
        self._products, self._squares = 0.0, FIRST

    def expected(self, velocity: Array, stamped_s: float) -> tuple[Array, Array]:
        """The motion (6,) of a camera from its colour to its depth image, and its standard deviations (6,).

        `velocity` (6,) in metres and radians a second along the camera's axes; `stamped_s` is the difference of stamps.
        """
        speed = np.repeat([np.linalg.norm(velocity[:3]), np.linalg.norm(velocity[3:])], 3)
        return velocity * (stamped_s + self.seconds), np.maximum(speed * STAMP_ERROR_S, LEAST)

    def learn(self, late: Array, velocity: Array, stamped_s: float) -> None:
        """Take the motion (6,) that was found between the two images of a camera at a velocity (6,)."""
        weighted = WEIGHTS * velocity
        fading = 1.0 - 1.0 / MEMORY
        self._products = fading * self._products + float(weighted @ (late - velocity * stamped_s))
        self._squares = fading * self._squares + float(weighted @ velocity)
        self.seconds = float(np.clip(self._products / max(self._squares, FIRST), -LARGEST_S, LARGEST_S))
