"""Motion models of objects, each a Kalman filter of all objects at once; each object takes its likeliest model.

Every model is scored by the likelihood of an object's last detections, and the best one is the object's estimate.
Source: Goyal et al., "Neural Production Systems", NeurIPS 2021, where such models are called rules and are learned;
here they are those of mechanics. The turning one is the coordinated turn of Bar-Shalom, "Estimation with Applications
to Tracking and Navigation" (2001), section 11.7.

All noise is isotropic and no model depends on the direction of x: turned detections give turned estimates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array

MODELS = ("stationary", "constant_velocity", "constant_turn")
STATIONARY, VELOCITY, TURN = range(3)
X, V, W = slice(0, 2), slice(2, 4), 4  # of a state: position (m), velocity (m/s), yaw rate (rad/s)
STATE = 5

STATIONARY_NOISE = 0.1  # metres after a second: the box of a stationary object varies with the visible part of it
FORGET = 0.85  # share of a model's score that is kept from one detection to the next
INITIAL_YAW_RATE = 0.3  # radians a second, standard deviation
PREFERENCE = (0.0, -1.0, -2.0)  # log odds of a new object: the simpler model first
NEVER = -1e9


@dataclass(frozen=True)
class Motion:
    """State of N objects under M motion models."""

    mean: Array  # (M,N,5)
    covariance: Array  # (M,N,5,5)
    score: Array  # (M,N) log odds of the models

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Motion:
        """The motion of some objects only."""
        return Motion(self.mean[:, index], self.covariance[:, index], self.score[:, index])

    @staticmethod
    def joined(first: Motion, second: Motion) -> Motion:
        """The motion of two sets of objects together."""
        return Motion(
            np.concatenate([first.mean, second.mean], axis=1),
            np.concatenate([first.covariance, second.covariance], axis=1),
            np.concatenate([first.score, second.score], axis=1),
        )

    @property
    def columns(self) -> tuple[Array, Array, Array]:
        """The three arrays, each with the objects along its second axis."""
        return self.mean, self.covariance, self.score

    def write(self, index: NDArray[np.intp], other: Motion) -> None:
        """Put the motion of other objects in the place of these."""
        for column, value in zip(self.columns, other.columns, strict=True):
            column[:, index] = value

    @property
    def log_weights(self) -> Array:
        """Log probabilities (M,N) of the motion models of each object."""
        weights: Array = self.score - np.logaddexp.reduce(self.score, axis=0)
        return weights

    @property
    def chosen(self) -> NDArray[np.intp]:
        """Number (N,) of each object's motion model."""
        return np.asarray(np.argmax(self.score, axis=0))

    def best(self) -> tuple[Array, Array]:
        """Mean (N,5) and covariance (N,5,5) under each object's motion model."""
        each = self.chosen, np.arange(self.mean.shape[1])
        return self.mean[each], self.covariance[each]


def initial_motion(
    position: Array, variance: Array, velocity: Array, velocity_covariance: Array, over_ground: bool
) -> Motion:
    """New objects at `position` (N,2) of `variance` (N,), with `velocity` (N,2) of `velocity_covariance` (N,2,2).

    Where velocities are not `over_ground`, no object is stationary.
    """
    count = len(position)
    mean, covariance = np.zeros((len(MODELS), count, STATE)), np.zeros((len(MODELS), count, STATE, STATE))
    mean[:, :, X] = position
    covariance[:, :, X, X] = variance[:, None, None] * np.eye(2)
    mean[VELOCITY:, :, V] = velocity
    covariance[VELOCITY:, :, V, V] = velocity_covariance
    covariance[TURN, :, W, W] = INITIAL_YAW_RATE**2
    return Motion(mean, covariance, np.repeat(_preference(over_ground)[:, None], count, axis=1))


def mean_variance(covariance: Array, part: slice) -> Array:
    """Variance (N,) of the position or the velocity (`part`) of states (N,5,5), the mean over all directions."""
    return np.asarray(np.trace(covariance[:, part, part], axis1=1, axis2=2) / 2.0)


def _preference(over_ground: bool) -> Array:
    return np.array(PREFERENCE if over_ground else (NEVER, *PREFERENCE[1:]))


def predicted(motion: Motion, elapsed_s: float, acceleration: Array, turn_acceleration: Array) -> Motion:
    """The objects `elapsed_s` later. Both accelerations (N,) are standard deviations, in m/s2 and rad/s2."""
    mean, dt = motion.mean.copy(), elapsed_s
    F = np.zeros_like(motion.covariance)
    F[:, :, range(STATE), range(STATE)] = 1.0
    F[STATIONARY, :, V, V] = 0.0
    F[VELOCITY, :, X, V] = dt * np.eye(2)
    mean[VELOCITY, :, X] += dt * mean[VELOCITY, :, V]
    mean[TURN], F[TURN] = _turned(mean[TURN], dt)

    covariance = F @ motion.covariance @ np.swapaxes(F, -1, -2)
    identity = np.eye(2)
    noise = (acceleration**2)[:, None, None] * identity
    for model in (VELOCITY, TURN):
        covariance[model, :, X, X] += 0.25 * dt**4 * noise
        covariance[model, :, X, V] += 0.5 * dt**3 * noise
        covariance[model, :, V, X] += 0.5 * dt**3 * noise
        covariance[model, :, V, V] += dt**2 * noise
    covariance[STATIONARY, :, X, X] += STATIONARY_NOISE**2 * dt * identity
    covariance[TURN, :, W, W] += (turn_acceleration * dt) ** 2
    return replace(motion, mean=mean, covariance=covariance)


def _turned(mean: Array, dt: float) -> tuple[Array, Array]:
    """States (N,5) after `dt` seconds at their yaw rates, and the Jacobians (N,5,5) of that."""
    rate = np.where(np.abs(mean[:, W]) < 1e-4, 1e-4, mean[:, W])
    angle = rate * dt
    s, c = np.sin(angle), np.cos(angle)
    along, across = s / rate, (1.0 - c) / rate
    along_rate, across_rate = (angle * c - s) / rate**2, (angle * s - (1.0 - c)) / rate**2
    vx, vy = mean[:, 2], mean[:, 3]
    after, F = mean.copy(), np.zeros((len(mean), STATE, STATE))
    after[:, 0] += along * vx - across * vy
    after[:, 1] += across * vx + along * vy
    after[:, 2], after[:, 3] = c * vx - s * vy, s * vx + c * vy
    F[:, range(STATE), range(STATE)] = 1.0
    F[:, 0, 2], F[:, 0, 3], F[:, 0, W] = along, -across, along_rate * vx - across_rate * vy
    F[:, 1, 2], F[:, 1, 3], F[:, 1, W] = across, along, across_rate * vx + along_rate * vy
    F[:, 2, 2], F[:, 2, 3], F[:, 2, W] = c, -s, -dt * after[:, 3]
    F[:, 3, 2], F[:, 3, 3], F[:, 3, W] = s, c, dt * after[:, 2]
    return after, F


def corrected(motion: Motion, measured: Array, noise: Array, part: slice, over_ground: bool) -> Motion:
    """The objects after one measurement of each: position or velocity (`part`) (N,2), covariance `noise` (N,2,2).

    The log likelihood of the measurement is added to the score of each model.
    """
    P = motion.covariance
    innovation = measured - motion.mean[:, :, part]
    S = P[:, :, part, part] + noise
    determinant = S[..., 0, 0] * S[..., 1, 1] - S[..., 0, 1] * S[..., 1, 0]
    S_inverse = np.empty_like(S)
    S_inverse[..., 0, 0], S_inverse[..., 1, 1] = S[..., 1, 1] / determinant, S[..., 0, 0] / determinant
    S_inverse[..., 0, 1], S_inverse[..., 1, 0] = -S[..., 0, 1] / determinant, -S[..., 1, 0] / determinant
    PH = P[:, :, :, part]
    gain = PH @ S_inverse
    mean = motion.mean + (gain @ innovation[..., None])[..., 0]
    kept = np.broadcast_to(np.eye(STATE), P.shape).copy()
    kept[:, :, :, part] -= gain  # Joseph's form keeps the covariance positive definite despite rounding
    covariance = kept @ P @ np.swapaxes(kept, -1, -2) + gain @ noise @ np.swapaxes(gain, -1, -2)
    distance = (innovation * (S_inverse @ innovation[..., None])[..., 0]).sum(axis=-1)
    likelihood = -0.5 * (distance + np.log(determinant))
    score = FORGET * motion.score + (1.0 - FORGET) * _preference(over_ground)[:, None] + likelihood
    return Motion(mean, covariance, score - score.max(axis=0))
