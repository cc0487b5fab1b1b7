"""Stamps that are late, that jump, and that begin anew."""

from __future__ import annotations

import pytest

from isometry.tracking.tracks.input_clock import InputClock

SECOND = 10**9


def outcomes(stamps_s: list[float], longest_gap_s: float = 2.0) -> list[str]:
    """What becomes of each stamp: used, restarted, late, or doubtful."""
    clock, found = InputClock(longest_gap_s), []
    for stamp_s in stamps_s:
        stamp_ns = round(stamp_s * SECOND)
        try:
            found.append("restarted" if clock.restarts(stamp_ns) else "used")
        except ValueError as error:
            found.append("late" if "came after" in str(error) else "doubtful")
        else:
            assert clock.restarts(stamp_ns) is (found[-1] == "restarted")  # asking changes nothing
            clock.advance(stamp_ns)
    return found


@pytest.mark.parametrize(
    ("stamps_s", "expected"),
    [
        ([100.0, 100.1, 100.4, 100.5], ["used"] * 4),
        ([100.0, 100.1, 100.1, 100.0, 100.2], ["used", "used", "late", "late", "used"]),
        ([100.0, 100.1, 3700.0, 100.2, 100.3], ["used", "used", "doubtful", "used", "used"]),
        ([100.0, 100.1, 101.5, 100.2], ["used", "used", "doubtful", "used"]),
        ([5000.0, 5000.1, 1400.0, 1400.1, 1400.2], ["used", "used", "doubtful", "restarted", "used"]),
        ([100.0, 100.1, 160.0, 160.1], ["used", "used", "doubtful", "restarted"]),
        ([100.0, 100.1, 101.5, 101.6], ["used", "used", "doubtful", "used"]),
        ([100.0, 100.1, 900.0, 50.0, 700.0, 100.2], ["used", "used", "doubtful", "doubtful", "doubtful", "used"]),
        ([100.0, 101.0, 103.0, 104.0], ["used"] * 4),  # at 1 Hz, a missing input is no jump
        ([100.0, 900.0, 900.0, 900.1], ["used", "doubtful", "doubtful", "restarted"]),
    ],
)
def test_a_stamp_far_from_all_others_needs_one_that_follows_it(stamps_s: list[float], expected: list[str]) -> None:
    assert outcomes(stamps_s) == expected


def test_any_stamp_begins_after_a_reset() -> None:
    clock = InputClock(2.0)
    clock.advance(100 * SECOND)
    clock.reset()
    assert not clock.restarts(5)
