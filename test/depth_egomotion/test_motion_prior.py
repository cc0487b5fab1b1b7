"""What is expected of a motion: it goes on, is less certain the longer it is not seen, and slows down when lost."""

from __future__ import annotations

import numpy as np

from isometry.depth_egomotion.alignment import motion_of
from isometry.depth_egomotion.motion_prior import MotionPrior
from isometry.geometry.se3 import moved

VELOCITY = np.array([0.3, -0.1, 0.2, 0.1, -0.4, 0.2])  # m/s and rad/s, along the camera's axes


def moving(seconds: float = 0.1) -> MotionPrior:
    prior = MotionPrior()
    prior.measured(moved(VELOCITY * seconds), seconds)
    return prior


def test_nothing_known_is_a_camera_that_stands() -> None:
    np.testing.assert_array_equal(MotionPrior().predicted(0.1), np.eye(4))


def test_a_motion_goes_straight_on_at_its_speed_and_turns_on() -> None:
    seen = moved(VELOCITY * 0.1)
    then = seen @ moving(0.1).predicted(0.2)
    np.testing.assert_allclose(then[:3, 3], 3.0 * seen[:3, 3], atol=1e-9)
    np.testing.assert_allclose(then[:3, :3], np.linalg.matrix_power(seen[:3, :3], 3), atol=1e-9)


def test_what_was_not_seen_for_longer_is_less_certain_and_most_where_nothing_is_known() -> None:
    known, unknown = moving(), MotionPrior()
    for seconds in (0.03, 0.1, 0.5):
        assert (known.sigma(seconds) < known.sigma(2.0 * seconds)).all()
        assert (known.sigma(seconds) < unknown.sigma(seconds)).all()
    assert (known.sigma(1e-6) > 0.0).all()


def test_a_motion_that_is_not_seen_slows_down_and_is_not_known() -> None:
    prior = moving()
    speeds = []
    for _ in range(5):
        prior.fading()
        speeds.append(np.linalg.norm(motion_of(prior.predicted(0.1))))
    assert (np.diff(speeds) < 0.0).all()
    np.testing.assert_array_equal(prior.sigma(0.1), MotionPrior().sigma(0.1))
    prior.reset()
    np.testing.assert_array_equal(prior.predicted(1.0), np.eye(4))
