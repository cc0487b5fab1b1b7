"""Planar poses by correlation, against poses that are known."""

import numpy as np
import pytest

from isometry.registration.upright.birds_eye_correlation import correlate


def scattered(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-20.0, 20.0, (400, 2))


def moved(points: np.ndarray, yaw: float, shift: tuple[float, float]) -> np.ndarray:
    """The points as a frame sees them that stands at `shift`, turned by `yaw`."""
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    return np.asarray((points - np.array(shift)) @ turn)


@pytest.mark.parametrize(("yaw", "shift"), [(0.0, (0.0, 0.0)), (1.0, (8.0, -3.0)), (3.1, (-15.0, 11.0))])
def test_a_turn_and_a_shift_are_found(yaw: float, shift: tuple[float, float]) -> None:
    target = scattered(0)
    found = correlate(target, moved(target, yaw, shift), 0.5, 128, 120, 4, 10, 2.0)
    assert abs(np.angle(np.exp(1j * (found.yaw[0] - yaw)))) < 0.06
    assert np.hypot(*(found.shift[0] - shift)) < 1.0
    assert found.score[0] > 1.5 * found.score[1]


def test_the_best_come_first_and_stand_apart() -> None:
    found = correlate(scattered(0), scattered(1), 0.5, 128, 60, 4, 12, 2.0)
    assert (np.diff(found.score) <= 0.0).all()
    for i in range(len(found.score)):
        for j in range(i):
            turn = abs(np.angle(np.exp(1j * (found.yaw[i] - found.yaw[j]))))
            assert turn > 4.0 * np.pi / 60 or np.hypot(*(found.shift[i] - found.shift[j])) > 2.0


def test_what_lies_outside_of_the_image_is_left_out() -> None:
    target = scattered(0)
    far = np.vstack([target, target + 1000.0])
    near, with_far = (
        correlate(cloud, moved(target, 0.5, (2.0, 1.0)), 0.5, 128, 60, 4, 1, 2.0) for cloud in (target, far)
    )
    assert np.array_equal(near.shift, with_far.shift)
