"""Motion at a velocity that changes slowly: the prediction of the next pose, and the errors of all poses so far."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import covariance, degeneracy, se3

FIRST_SPEED = covariance.independent(10.0, 1.0)  # m/s and rad/s of a body of which nothing is known
# change of the velocity within a second, a random walk; KITTI 00 has 1.1 m/s after one second, 3.9 m/s after ten
SPEED_CHANGE = covariance.independent(1.5, 0.5)
FLOOR = covariance.independent(0.003, 0.0004)  # of one step, by the noise of the sensor


class ConstantVelocity:
    """A Kalman filter of the velocity, and the covariance of the pose to which its steps add up.

    A velocity that nothing measures stays wrong in the same direction, so that the error of the pose grows with time,
    not with its root: the covariance between pose and velocity is kept. A pose is never corrected afterwards, which is
    the filter of Schmidt (1966). Covariances (6,6) are along the body's own axes: metres, then radians.
    """

    def __init__(self) -> None:
        self.twist = np.zeros(6)  # m/s in the body's frame, then rad/s
        self.twist_covariance = FIRST_SPEED
        self.pose_covariance = FLOOR
        self._pose_and_twist = np.zeros((6, 6))

    def prediction(self, seconds: float) -> Array:
        """T_before_after (4,4) after some seconds."""
        return moved(self.twist, seconds)

    def speed_deviation(self, direction: Array) -> float:
        """Standard deviation of the speed along a direction (3,) in the body's frame, m/s."""
        return float(np.sqrt(direction @ self.twist_covariance[:3, :3] @ direction))

    def advance(self, seconds: float, motion: Array, held: degeneracy.Held) -> Array:
        """T_before_after (4,4) after some seconds, by an alignment that is trusted in the directions that are `held`.

        `motion` (6,) leads from the predicted pose to the aligned one, along the axes of the body there. In the free
        directions the prediction remains, with its covariance.
        """
        predicted = (self.twist_covariance + SPEED_CHANGE * seconds) * seconds**2
        free = np.eye(6) - held.part
        step = free @ predicted @ free.T + held.errors + FLOOR
        T_before_after = moved(self.twist, seconds) @ moved(held.part @ motion, 1.0)
        adjoint = covariance.adjoint(se3.inverse(T_before_after))
        # the part of the pose's error that is shared with the step: what was measured now is no longer shared
        shared = adjoint @ self._pose_and_twist @ free.T * seconds
        self.pose_covariance = covariance.propagated(self.pose_covariance, T_before_after) + shared + shared.T + step
        self._pose_and_twist = (shared + step) / seconds
        self.twist, self.twist_covariance = twist_of(T_before_after, seconds), step / seconds**2
        return T_before_after


def moved(twist: Array, seconds: float) -> Array:
    """T_before_after (4,4) of a body after some seconds with a `twist` (6,): m/s in its frame before, then rad/s."""
    return se3.moved(twist * seconds)


def twist_of(T_before_after: Array, seconds: float) -> Array:
    """Inverse of `moved`."""
    turn = Rotation.from_matrix(T_before_after[:3, :3]).as_rotvec()
    return np.concatenate([T_before_after[:3, 3], turn]) / seconds
