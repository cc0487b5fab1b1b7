"""The delay between colour and depth: what the stamps say, and what is learned beyond."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.depth_egomotion.delay import LARGEST_S, Delay


def velocities(random: np.random.Generator, images: int = 200) -> Array:
    return np.asarray(random.normal(0.0, 1.0, (images, 6)) * np.repeat([0.4, 0.8], 3))


def test_at_first_the_motion_is_that_of_the_speed_and_the_stamps() -> None:
    velocity = np.array([0.3, -0.1, 0.2, 0.1, -0.4, 0.2])
    motion, sigma = Delay().expected(velocity, 0.02)
    np.testing.assert_allclose(motion, 0.02 * velocity)
    still, sigma_still = Delay().expected(np.zeros(6), 0.02)
    np.testing.assert_array_equal(still, 0.0)
    assert (sigma > sigma_still).all()
    assert (sigma_still > 0.0).all()


@pytest.mark.parametrize("delay_s", [-0.02, 0.0, 0.012])
@pytest.mark.parametrize("stamped_s", [0.0, 0.007])
def test_a_constant_delay_is_learned(delay_s: float, stamped_s: float) -> None:
    random, delay = np.random.default_rng(0), Delay()
    for velocity in velocities(random):
        noise = random.normal(0.0, 0.001, 6)
        delay.learn((stamped_s + delay_s) * velocity + noise, velocity, stamped_s)
    assert delay.seconds == pytest.approx(delay_s, abs=0.001)
    velocity = np.ones(6)
    np.testing.assert_allclose(delay.expected(velocity, stamped_s)[0], stamped_s + delay_s, atol=0.001)


def test_a_camera_that_stands_teaches_nothing() -> None:
    delay = Delay()
    for _ in range(500):
        delay.learn(np.full(6, 1e-3), np.zeros(6), 0.0)
    assert delay.seconds == 0.0


def test_no_delay_is_longer_than_a_driver_can_be_late() -> None:
    delay = Delay()
    for velocity in velocities(np.random.default_rng(1)):
        delay.learn(0.5 * velocity, velocity, 0.0)
    assert delay.seconds == LARGEST_S
