"""The motion that most objects have in common: seen from a driving robot, the inverse of the ego-motion."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array
from isometry.geometry.planar import rotations
from isometry.tracking.tracks.motion_models import Motion, V, X, mean_variance

ROUNDS = 3
PRIOR_DEVIATIONS = np.array([15.0, 15.0, 0.3])  # standard deviations of the motion in a second: metres, metres, radians
REACH = 3.0  # standard deviations, beyond which an object counts as moving by itself
FEWEST = 3


def common_motion(found: Array, expected: Array, variances: Array, deviations: Array) -> Array:
    """The planar pose (3,) x, y, yaw that moves `found` (M,2) onto `expected` (M,2) in metres, robustly.

    The pose is zero in the mean, with standard deviations `deviations` (3,): metres, metres, radians. `variances` (M,)
    are those of the differences, metres squared. An object with a large residual counts little (Cauchy weights), as it
    moves by itself. The result does not depend on the direction of x.
    """
    pose = np.zeros(3)
    prior = 1.0 / deviations**2
    for _ in range(ROUNDS):
        moved = found @ rotations(pose[2]).T + pose[:2]
        residual = expected - moved
        weight = 1.0 / (variances * (1.0 + (residual**2).sum(axis=1) / (REACH**2 * variances)))
        # the turn is taken about the base: d(moved)/d(yaw) is moved - pose, turned by 90 degrees
        arm = moved - pose[:2]
        jx, jy = -arm[:, 1], arm[:, 0]
        total, wx, wy = weight.sum(), weight @ jx, weight @ jy
        information = np.array([[total, 0.0, wx], [0.0, total, wy], [wx, wy, weight @ (jx**2 + jy**2)]])
        gradient = np.array(
            [weight @ residual[:, 0], weight @ residual[:, 1], weight @ (jx * residual[:, 0] + jy * residual[:, 1])]
        )
        information[range(3), range(3)] += prior
        pose = pose + np.linalg.solve(information, gradient - prior * pose)
    return pose


def common_velocity(motion: Motion, positions: Array) -> Array | None:
    """Velocity (N,2) that an object at each of `positions` (N,2) has if it moves as most of `motion` (M) does.

    None where there are too few objects to tell a turn of the base from motion of their own.
    """
    mean, covariance = motion.best()
    if len(mean) < FEWEST:
        return None
    x, y, turn = common_motion(mean[:, X], mean[:, X] + mean[:, V], mean_variance(covariance, V), PRIOR_DEVIATIONS)
    velocity: Array = np.array([x, y]) + turn * np.stack([-positions[:, 1], positions[:, 0]], axis=1)
    return velocity
