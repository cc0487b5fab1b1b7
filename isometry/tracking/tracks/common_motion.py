"""The one motion that most objects have: as seen from a robot that drives, that is its own, turned round."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array
from isometry.geometry.planar import rotations
from isometry.tracking.tracks.motion_rules import Motion, V, X, spread

ROUNDS = 3
SPREAD = np.array([15.0, 15.0, 0.3])  # of the common motion in a second, before anything is known: metres, radians
REACH = 3.0  # standard deviations from which on an object counts as one that moves by itself
FEWEST = 3


def common_motion(found: Array, expected: Array, variances: Array, deviations: Array) -> Array:
    """The planar pose (3,) x, y, yaw that moves `found` (M,2) onto `expected` (M,2) as far as they agree; metres.

    The pose is expected to be zero but for `deviations` (3,): metres, metres, radians. `variances` (M,) of the
    differences, metres squared. An object far from where the others put it counts little (Cauchy weights): it moves by
    itself. Nothing depends on where x points.
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


def common_velocity(motion: Motion, positions: Array) -> Array:
    """Velocity (N,2) that an object at each of `positions` (N,2) has if it moves as most of `motion` (M) does."""
    mean, covariance = motion.best()
    if len(mean) < FEWEST:  # too few to tell a turn of the base from motion of their own
        return np.zeros((len(positions), 2))
    x, y, turn = common_motion(mean[:, X], mean[:, X] + mean[:, V], spread(covariance, V), SPREAD)
    velocity: Array = np.array([x, y]) + turn * np.stack([-positions[:, 1], positions[:, 0]], axis=1)
    return velocity
