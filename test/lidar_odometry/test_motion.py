"""The filter of constant velocity, against closed forms and many random drives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.geometry import covariance, degeneracy, se3
from isometry.lidar_odometry import motion
from isometry.lidar_odometry.motion import ConstantVelocity, moved, twist_of

TENTH = 0.1
ERRORS = covariance.independent(0.02, 0.003)  # of a held step
X_IS_FREE = np.diag([0.0, 1.0, 1.0, 1.0, 1.0, 1.0])


def held(part: Array) -> degeneracy.Held:
    return degeneracy.Held(np.zeros((6, 6)), 1.0 - np.diag(part), part, part @ ERRORS @ part.T)


def test_a_twist_and_its_motion_are_inverse_to_each_other() -> None:
    twist = np.array([3.0, -1.0, 0.5, 0.2, -0.1, 0.8])
    assert np.allclose(twist_of(moved(twist, 0.4), 0.4), twist)


def test_without_any_measurement_the_error_grows_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motion, "SPEED_CHANGE", np.zeros((6, 6)))
    monkeypatch.setattr(motion, "FLOOR", np.zeros((6, 6)))
    body = ConstantVelocity()
    for _ in range(40):
        body.advance(TENTH, np.zeros(6), degeneracy.NOTHING)
    # an unknown speed of a body that does not turn: the deviation is that of the speed, times the time
    expected = np.sqrt(np.diag(motion.FIRST_SPEED)) * 4.0
    assert np.allclose(np.sqrt(np.diag(body.pose_covariance))[[0, 3, 4, 5]], expected[[0, 3, 4, 5]])
    assert np.allclose(body.twist_covariance, motion.FIRST_SPEED)


def test_a_measured_speed_is_kept_where_nothing_measures_it_any_more() -> None:
    body, twist = ConstantVelocity(), np.array([5.0, 0.0, 0.0, 0.0, 0.0, 0.1])
    for _ in range(5):
        to_true = se3.inverse(body.prediction(TENTH)) @ moved(twist, TENTH)
        body.advance(TENTH, twist_of(to_true, 1.0), held(np.eye(6)))
    assert np.allclose(body.twist, twist)
    known = body.twist_covariance[0, 0]
    for _ in range(10):
        body.advance(TENTH, np.full(6, 9.0), degeneracy.NOTHING)  # an alignment that means nothing
    assert np.allclose(body.twist, twist)
    # after a second, by a random walk
    assert body.twist_covariance[0, 0] == pytest.approx(known + motion.SPEED_CHANGE[0, 0], rel=0.01)


def test_only_held_directions_follow_the_alignment() -> None:
    body = ConstantVelocity()
    T_before_after = body.advance(TENTH, np.array([0.7, 0.2, -0.1, 0.01, 0.02, 0.03]), held(X_IS_FREE))
    expected = moved(np.array([0.0, 0.2, -0.1, 0.01, 0.02, 0.03]), 1.0)
    assert np.allclose(T_before_after, expected)


@pytest.mark.parametrize("seen", [lambda k: True, lambda k: k < 10, lambda k: k % 10 < 5], ids=["all", "first", "some"])
def test_the_covariance_is_that_of_many_random_drives(seen: Callable[[int], bool]) -> None:
    """Drives whose speed changes at random, measured with errors; x is free in a part of the steps."""
    random, errors, drives = np.random.default_rng(0), [], 200
    for _ in range(drives):
        body, T_found, T_true = ConstantVelocity(), np.eye(4), np.eye(4)
        twist = random.multivariate_normal(np.zeros(6), 0.01 * motion.FIRST_SPEED)
        body.twist_covariance = 0.01 * motion.FIRST_SPEED
        for k in range(30):
            twist = twist + random.multivariate_normal(np.zeros(6), motion.SPEED_CHANGE * TENTH)
            step = moved(twist, TENTH)
            part = np.eye(6) if seen(k) else X_IS_FREE
            noise = random.multivariate_normal(np.zeros(6), ERRORS + motion.FLOOR)
            found = twist_of(se3.inverse(body.prediction(TENTH)) @ step, 1.0) + noise
            T_found, T_true = T_found @ body.advance(TENTH, found, held(part)), T_true @ step
        errors.append(twist_of(se3.inverse(T_true) @ T_found, 1.0))
    ratios = np.mean(np.square(errors), axis=0) / np.diag(body.pose_covariance)
    assert np.all((ratios > 0.5) & (ratios < 2.0))  # the propagation is of first order, and the turns are large
