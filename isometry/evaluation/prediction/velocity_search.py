"""The velocity of the vehicle that explains best how the objects around it moved in a window of about a second.

Every object is stationary, or moves ahead as its class does, or is an exception: a mixture of three densities for each
object, times a prior of the vehicle's velocity. The most likely velocity is searched on a grid, then on a finer one.

The numbers were chosen by hand (see ego_motion.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.evaluation.prediction.class_priors import ClassPrior
from isometry.geometry.planar import wrapped

# The grid that is searched: metres a second ahead, radians a second. Then the finer grid around its best point.
SPEEDS, YAW_RATES = np.arange(-1.0, 36.0, 0.5), np.linspace(-0.6, 0.6, 41)
FINE_SPEEDS, FINE_YAW_RATES = np.linspace(-0.6, 0.6, 9), np.linspace(-0.03, 0.03, 9)
LEAST_YAW_RATE = 1e-6  # radians a second; slower turns are taken to be so fast, as the arc divides by it

# Prior of the vehicle: it is stationary or drives (a share and the deviation of the speed, metres a second), and turns
# little (deviations of the yaw rate and of the sideways acceleration, metres a second squared).
STATIONARY_SHARE, STATIONARY_DEVIATION = 0.15, 0.2
DRIVING_SHARE, DRIVING_SPEED, DRIVING_DEVIATION = 0.85, 8.0, 8.0
YAW_RATE_DEVIATION = 0.15
SIDEWAYS_ACCELERATION = 3.0

# Prior of its change, where its velocity before is known: it goes on (a share, deviations of speed and yaw rate), or
# has any other velocity (a share over the width of the speeds that it may have, metres a second).
UNCHANGED_SHARE, UNCHANGED_SPEED_DEVIATION, UNCHANGED_YAW_RATE_DEVIATION = 0.8, 1.0, 0.1
CHANGED_SHARE, CHANGED_WIDTH = 0.2, 8.0

# An object: deviation of the measured velocity of a stationary one, from two labels (metres) and at best (metres a
# second); deviations of the change of heading (radians) of one that is stationary and of one that moves.
LABELS_DEVIATION_M, LEAST_DEVIATION = 0.12, 0.1
STATIONARY_TURN, MOVING_TURN = 0.05, 0.2
EXCEPTION = -9.0  # log likelihood of an object that moves as none of its class does


@dataclass(frozen=True)
class Displacement:
    """The first and the last box of an object in a window, each in the frame of the vehicle at its own time."""

    time_s: float  # between the two
    first: Array  # (7,) box as `isometry.tracking.types.BOX` says
    last: Array  # (7,)
    prior: ClassPrior


@dataclass(frozen=True)
class Velocity:
    """A velocity of the vehicle, constant over a window."""

    speed: float  # metres a second ahead
    yaw_rate: float  # radians a second

    def motion_in(self, time_s: float) -> Array:
        """The planar motion (3,) x, y, yaw in a short time."""
        return np.array([self.speed, 0.0, self.yaw_rate]) * time_s


def most_likely_velocity(displacements: Sequence[Displacement], before: Velocity | None = None) -> Velocity:
    """The most likely velocity. `before` is the current velocity; it is returned when there are no displacements."""
    if not displacements:
        return before or Velocity(0.0, 0.0)
    coarse = _least(displacements, before, SPEEDS, YAW_RATES)
    return _least(displacements, before, coarse.speed + FINE_SPEEDS, coarse.yaw_rate + FINE_YAW_RATES)


def log_likelihood_gain(displacements: Sequence[Displacement], velocity: Velocity, before: Velocity) -> float:
    """How much more likely a velocity is than the one before, as a difference of log likelihoods."""
    of_before, of_velocity = (
        _negative_log_likelihood(displacements, before, np.asarray(each.speed), np.asarray(each.yaw_rate))
        for each in (before, velocity)
    )
    return float(of_before - of_velocity)


def _least(displacements: Sequence[Displacement], before: Velocity | None, speeds: Array, yaw_rates: Array) -> Velocity:
    speed, yaw_rate = np.meshgrid(speeds, yaw_rates, indexing="ij")
    values = _negative_log_likelihood(displacements, before, speed, yaw_rate)
    best = np.unravel_index(values.argmin(), speed.shape)
    return Velocity(float(speed[best]), float(yaw_rate[best]))


def _negative_log_likelihood(
    displacements: Sequence[Displacement], before: Velocity | None, speed: Array, yaw_rate: Array
) -> Array:
    """The negative log likelihood (...), up to a constant, of speeds (...) and yaw rates (...) of the vehicle."""
    total = _negative_log_prior(speed, yaw_rate)
    if before is not None:
        total = total - _log_prior_of_change(speed, yaw_rate, before)
    for each in displacements:
        total = total - _log_likelihood(each, speed, yaw_rate)
    return np.asarray(total)


def _negative_log_prior(speed: Array, yaw_rate: Array) -> Array:
    total = -np.logaddexp(
        np.log(STATIONARY_SHARE / STATIONARY_DEVIATION) - 0.5 * (speed / STATIONARY_DEVIATION) ** 2,
        np.log(DRIVING_SHARE / DRIVING_DEVIATION) - 0.5 * ((speed - DRIVING_SPEED) / DRIVING_DEVIATION) ** 2,
    )
    turning = 0.5 * (yaw_rate / YAW_RATE_DEVIATION) ** 2
    return np.asarray(total + turning + 0.5 * (speed * yaw_rate / SIDEWAYS_ACCELERATION) ** 2)


def _log_prior_of_change(speed: Array, yaw_rate: Array, before: Velocity) -> Array:
    unchanged = (
        -0.5 * ((speed - before.speed) / UNCHANGED_SPEED_DEVIATION) ** 2
        - 0.5 * ((yaw_rate - before.yaw_rate) / UNCHANGED_YAW_RATE_DEVIATION) ** 2
    )
    return np.asarray(np.logaddexp(np.log(UNCHANGED_SHARE) + unchanged, np.log(CHANGED_SHARE / CHANGED_WIDTH)))


def _log_likelihood(displacement: Displacement, speed: Array, yaw_rate: Array) -> Array:
    """The log likelihood (...) of one object, for speeds (...) and yaw rates (...) of the vehicle."""
    time_s, first, last, prior = displacement.time_s, displacement.first, displacement.last, displacement.prior
    velocity_x, velocity_y, angle = _velocity_over_ground(displacement, speed, yaw_rate)
    heading = np.array([np.cos(first[6]), np.sin(first[6])])
    ahead = velocity_x * heading[0] + velocity_y * heading[1]
    sideways = velocity_y * heading[0] - velocity_x * heading[1]
    turn = wrapped(2.0 * (last[6] + angle - first[6])) / 2.0  # a heading may be labelled the wrong way round

    deviation = LABELS_DEVIATION_M / time_s + LEAST_DEVIATION
    stationary = (
        np.log(prior.stationary) - 0.5 * (velocity_x**2 + velocity_y**2) / deviation**2 - 2.0 * np.log(deviation)
    )
    moving = np.log(1.0 - prior.stationary) - np.log(prior.sideways_deviation * prior.speed_deviation)
    moving = moving - 0.5 * (sideways / prior.sideways_deviation) ** 2
    moving = moving - 0.5 * ((ahead - prior.speed) / prior.speed_deviation) ** 2
    if not prior.is_person:
        stationary = stationary - 0.5 * (turn / STATIONARY_TURN) ** 2 - np.log(STATIONARY_TURN)
        moving = moving - 0.5 * (turn / MOVING_TURN) ** 2 - np.log(MOVING_TURN)
    return np.asarray(np.logaddexp(np.logaddexp(stationary, moving), EXCEPTION))


def _velocity_over_ground(displacement: Displacement, speed: Array, yaw_rate: Array) -> tuple[Array, Array, Array]:
    """Mean velocity (...), (...) along the axes of the first frame, and the angle (...) that the vehicle has turned.

    The vehicle drives an arc at constant speed and yaw rate, metres a second and radians a second (...).
    """
    time_s, first, last = displacement.time_s, displacement.first, displacement.last
    rate = np.where(np.abs(yaw_rate) < LEAST_YAW_RATE, LEAST_YAW_RATE, yaw_rate)
    angle = rate * time_s
    c, s = np.cos(angle), np.sin(angle)
    velocity_x = (speed * s / rate + c * last[0] - s * last[1] - first[0]) / time_s
    velocity_y = (speed * (1.0 - c) / rate + s * last[0] + c * last[1] - first[1]) / time_s
    return velocity_x, velocity_y, angle
