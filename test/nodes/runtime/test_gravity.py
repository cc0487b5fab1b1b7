"""Up from an IMU."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.nodes.runtime.gravity import GravityFilter

SECOND = 1_000_000_000
TILT = Rotation.from_euler("xyz", [20.0, -10.0, 70.0], degrees=True)  # T_world_imu
UP = TILT.inv().apply([0.0, 0.0, 1.0])


def angle_deg(first: np.ndarray | None, second: np.ndarray) -> float:
    assert first is not None
    return float(np.degrees(np.arccos(np.clip(first @ second, -1.0, 1.0))))


def test_orientation_gives_up_whatever_the_acceleration() -> None:
    gravity = GravityFilter(1.0)
    gravity.update(SECOND, np.array([50.0, 0.0, 0.0]), TILT.as_quat())
    assert angle_deg(gravity.up(SECOND), UP) < 1e-5


def test_shaking_is_averaged_out_of_accelerations() -> None:
    gravity, random = GravityFilter(1.0), np.random.default_rng(0)
    for k in range(1000):
        gravity.update(k * SECOND // 100, 9.81 * UP + random.normal(0.0, 3.0, 3), None)
    assert angle_deg(gravity.up(10 * SECOND), UP) < 3.0


def test_a_new_tilt_is_followed_within_a_few_time_constants() -> None:
    gravity = GravityFilter(time_constant_s=0.5)
    gravity.update(0, np.array([0.0, 0.0, 9.81]), None)
    for k in range(1, 301):
        gravity.update(k * SECOND // 100, 9.81 * UP, None)
    assert angle_deg(gravity.up(3 * SECOND), UP) < 0.5


def test_an_old_sample_is_no_answer() -> None:
    gravity = GravityFilter(1.0)
    assert gravity.up(0) is None
    gravity.update(SECOND, 9.81 * UP, None)
    assert gravity.up(2 * SECOND) is None
    assert gravity.up(SECOND + SECOND // 2) is not None


def test_samples_that_are_not_finite_are_ignored() -> None:
    gravity = GravityFilter(1.0)
    gravity.update(SECOND, np.full(3, np.nan), None)
    assert gravity.up(SECOND) is None


@pytest.mark.parametrize(
    ("gravity_m_s2", "guess"),
    [
        (1.0, "is its unit g?"),
        (1000.0, "is its unit milli-g?"),
        (981.0, "is its unit cm/s2?"),
        (32.2, "is its unit ft/s2?"),
        (0.0, "has gravity been taken out of it?"),
        (0.3, "has gravity been taken out of it?"),
    ],
)
def test_accelerations_of_another_unit_are_named(gravity_m_s2: float, guess: str) -> None:
    gravity, random = GravityFilter(1.0), np.random.default_rng(0)
    for k in range(500):
        gravity.update(k * SECOND // 100, gravity_m_s2 * (UP + random.normal(0.0, 0.01, 3)), None)
    with pytest.raises(ValueError, match=r"linear_acceleration is .* m/s2 on average, where gravity is 9\.8") as raised:
        gravity.up(5 * SECOND)
    assert str(raised.value).endswith(guess)


def test_an_orientation_needs_no_unit() -> None:
    gravity = GravityFilter(1.0)
    gravity.update(SECOND, UP, None)
    gravity.update(SECOND, UP, TILT.as_quat())
    assert angle_deg(gravity.up(SECOND), UP) < 1e-5


def test_braking_and_bumps_are_no_other_unit() -> None:
    gravity = GravityFilter(1.0)
    braking = TILT.inv().apply([-6.0, 0.0, 0.0])
    for k in range(500):
        gravity.update(k * SECOND // 100, 9.81 * UP + braking + (30.0 * UP if k % 50 == 0 else 0.0), None)
        assert gravity.up(k * SECOND // 100) is not None


def test_when_time_starts_again_the_average_starts_again() -> None:
    gravity = GravityFilter(1.0)
    gravity.update(100 * SECOND, np.array([9.81, 0.0, 0.0]), None)
    gravity.update(0, 9.81 * UP, None)
    assert angle_deg(gravity.up(0), UP) < 1e-5
