"""What is known of one labelled object: whether it is stationary, and how it moves if it is not.

Two hypotheses are followed side by side: the object is stationary at the mean of its positions, or it moves at nearly
constant velocity (a Kalman filter with white acceleration, the same along x and y). Their likelihood ratio, summed up
and slowly forgotten, gives the log odds that it is stationary.

The numbers were chosen by hand (see ego_motion.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.evaluation.prediction.class_priors import OTHER, ClassPrior
from isometry.geometry.planar import wrapped

POSITION_DEVIATION_M = 0.08  # standard deviation of a labelled position
ACCELERATION = 1.5  # metres a second squared, standard deviation
PREDICTED_ACCELERATION = 0.7  # share of `ACCELERATION` times the squared step: error of a position one step ahead

STATIONARY_VARIANCE = 1.5  # of a stationary object's labels over that of their noise: successive errors are alike
LONGEST_MEAN = 30  # labels that the mean position of a stationary object is taken over
FORGETTING = 0.97  # of the log odds, from label to label
MOST_LOG_ODDS = 8.0  # on either side of even odds
MOVING_LOG_ODDS = -3.0  # below them the mean position begins anew: the object certainly moves
LEAST_SIGHTINGS = 4  # before which no object counts as stationary

YAW_GAIN, YAW_RATE_GAIN = 0.4, 0.1  # of a new heading against the predicted one
YAW_RATE_DAMPING = 0.9  # a step, while the object is rather stationary: it then does not turn


@dataclass
class ObjectFilter:
    """One object, in the frame of the first moment."""

    prior: ClassPrior
    place: Array  # (2,) metres, where it is if it is stationary
    sightings: int  # labels that `place` is the mean of
    state: Array  # (2,2) position and velocity if it moves; metres, metres a second
    covariance: Array  # (2,2) of position and velocity, along either axis
    yaw: float  # radians
    log_odds: float  # that it is stationary
    yaw_rate: float = 0.0  # radians a second

    @classmethod
    def of_new_object(cls, position: Array, yaw: float, prior: ClassPrior) -> ObjectFilter:
        """At its first label: position (2,) in metres, yaw in radians."""
        ahead = np.array([np.cos(yaw), np.sin(yaw)])
        knows_speed = prior.initial_deviation < OTHER.initial_deviation
        velocity = (1.0 - prior.stationary) * prior.speed * ahead if knows_speed else np.zeros(2)
        covariance = np.diag([POSITION_DEVIATION_M**2, prior.initial_deviation**2])
        log_odds = float(np.log(prior.stationary / (1.0 - prior.stationary)))
        return cls(prior, position, 1, np.stack([position, velocity]), covariance, yaw, log_odds)

    @property
    def stationary_probability(self) -> float:
        """Between 0 and 1."""
        return float(1.0 / (1.0 + np.exp(-self.log_odds)))

    @property
    def is_stationary(self) -> bool:
        """Whether that is likely, and several labels agree."""
        return self.log_odds > 0.0 and self.sightings >= LEAST_SIGHTINGS

    def predicted_position(self, step_s: float) -> Array:
        """(2,) one step ahead, if it moves."""
        return np.asarray(self.state[0] + step_s * self.state[1])

    def predicted_variance(self, step_s: float) -> float:
        """Of that position along either axis, metres squared."""
        ahead = np.array([1.0, step_s])
        accelerated = PREDICTED_ACCELERATION * ACCELERATION * step_s**2
        return float(ahead @ self.covariance @ ahead) + accelerated**2

    def update(self, position: Array, yaw: float, step_s: float) -> None:
        """Take in its next label, `step_s` after the last one."""
        moving = self._update_moving(position, step_s)
        stationary = self._stationary_log_likelihood(position)
        log_odds = FORGETTING * self.log_odds + stationary - moving
        self.log_odds = float(np.clip(log_odds, -MOST_LOG_ODDS, MOST_LOG_ODDS))
        self._update_place(position)
        self._update_yaw(yaw, step_s)

    def _update_moving(self, position: Array, step_s: float) -> float:
        """One step of the Kalman filter; returns the log likelihood of the position."""
        F, G = np.array([[1.0, step_s], [0.0, 1.0]]), np.array([0.5 * step_s**2, step_s])
        predicted = F @ self.state
        P = F @ self.covariance @ F.T + ACCELERATION**2 * np.outer(G, G)
        variance = P[0, 0] + POSITION_DEVIATION_M**2
        residual = position - predicted[0]
        self.state = predicted + np.outer(P[:, 0] / variance, residual)
        self.covariance = P - np.outer(P[:, 0], P[0]) / variance
        return float(-0.5 * residual @ residual / variance - np.log(variance))

    def _stationary_log_likelihood(self, position: Array) -> float:
        residual = position - self.place
        variance = STATIONARY_VARIANCE * POSITION_DEVIATION_M**2 * (1.0 + 1.0 / self.sightings)
        return float(-0.5 * residual @ residual / variance - np.log(variance))

    def _update_place(self, position: Array) -> None:
        self.sightings = min(self.sightings + 1, LONGEST_MEAN)
        self.place = self.place + (position - self.place) / self.sightings
        if self.log_odds < MOVING_LOG_ODDS:
            self.place, self.sightings = position, 1

    def _update_yaw(self, yaw: float, step_s: float) -> None:
        residual = float(wrapped(np.asarray(yaw - self.yaw - self.yaw_rate * step_s)))
        self.yaw += self.yaw_rate * step_s + YAW_GAIN * residual
        damping = YAW_RATE_DAMPING if self.log_odds > 0.0 else 1.0
        self.yaw_rate = (self.yaw_rate + YAW_RATE_GAIN * residual / step_s) * damping
