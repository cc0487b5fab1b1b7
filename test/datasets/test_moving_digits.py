import numpy as np
import pytest

from isometry.datasets.moving_digits import SIZE, MovingDigits, shifted


def test_a_sequence_is_the_same_for_the_same_seed_and_within_its_range() -> None:
    data = MovingDigits("translating", 2, training=True)
    one, other = (data.sequences(np.random.default_rng(3), 4, 6) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.shape == (4, 6, SIZE["translating"], SIZE["translating"])
    assert one.dtype == np.float32
    assert one.min() == 0.0
    assert 0.9 < one.max() <= 1.0


def test_training_and_test_have_no_digit_in_common() -> None:
    training, held = (MovingDigits("translating", 0, part).digits for part in (True, False))
    assert len(training) == 1347
    assert len(held) == 450
    seen = {digit.tobytes() for digit in training}
    assert not any(digit.tobytes() in seen for digit in held)


def test_digits_shift_by_whole_cells_over_joined_borders() -> None:
    digit = np.random.default_rng(0).random((7, 7), dtype=np.float32)
    moved = shifted(digit, np.array([5, 1]), np.array([2, -3]), 4)
    for t in range(4):
        np.testing.assert_array_equal(moved[t], np.roll(digit, (5 + 2 * t, 1 - 3 * t), axis=(0, 1)))


def test_still_digits_stay_and_moving_ones_keep_what_they_are_made_of() -> None:
    still = MovingDigits("translating", 0, training=False).sequences(np.random.default_rng(0), 5, 3)
    np.testing.assert_array_equal(still[:, 0], still[:, 2])
    rotating = MovingDigits("rotating", 5, training=False).sequences(np.random.default_rng(0), 5, 37)
    np.testing.assert_array_equal(rotating[:, 0], rotating[:, 36])  # 360 degrees
    assert np.abs(rotating[:, 0] - rotating[:, 1]).max() > 0.1


def test_turning_digits_stay_within_the_circle_and_quarter_turns_are_those_of_the_image() -> None:
    digits = MovingDigits("rotating", 1, training=False).digits
    size = SIZE["rotating"]
    x = np.arange(size) - (size - 1) / 2
    outside = np.hypot(x[:, None], x) > size / 2
    assert digits[..., outside].max() < 0.05
    np.testing.assert_allclose(digits[9], np.rot90(digits[0], 1, axes=(1, 2)), atol=1e-5)


def test_another_motion_is_refused() -> None:
    with pytest.raises(ValueError, match="not by 'zooming'"):
        MovingDigits("zooming", 1, training=True)  # type: ignore[arg-type]
