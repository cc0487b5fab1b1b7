"""The order of stamps, and the present by their clock. `NOW` is the node's clock where stamps are of another one."""

from __future__ import annotations

import pytest

from isometry.nodes.runtime.stamps import FOREIGN_CLOCK_NS, StampClock

SECOND = 1_000_000_000
NOW = 100 * FOREIGN_CLOCK_NS


def test_stamps_that_grow_are_no_restart() -> None:
    clock = StampClock()
    assert [clock.restarted(stamp, NOW) for stamp in (5, 6, 9 * SECOND)] == [False, False, False]


def test_a_stamp_a_little_older_is_out_of_order_and_leaves_the_newest() -> None:
    clock = StampClock()
    clock.restarted(10 * SECOND, NOW)
    for late in (10 * SECOND, 10 * SECOND - 1, 9 * SECOND):
        with pytest.raises(ValueError, match=f"stamp {late} ns came after one of {10 * SECOND} ns"):
            clock.restarted(late, NOW)
    assert not clock.restarted(10 * SECOND + 1, NOW)
    assert clock.refused == 3


def test_a_stamp_much_older_starts_time_again() -> None:
    clock = StampClock()
    clock.restarted(10 * SECOND, NOW)
    assert clock.restarted(8 * SECOND, NOW)
    assert not clock.restarted(8 * SECOND + 1, NOW)


@pytest.mark.parametrize(("now_ns", "ahead_ns"), [(NOW, 20 * SECOND), (10 * SECOND, 3 * SECOND)])
def test_one_stamp_far_ahead_is_refused_and_those_after_it_are_not(now_ns: int, ahead_ns: int) -> None:
    clock = StampClock()
    clock.restarted(10 * SECOND, now_ns)
    for k in (1, 2):
        with pytest.raises(ValueError, match="s ahead of the one before"):
            clock.restarted(10 * SECOND + ahead_ns, now_ns)
        assert not clock.restarted(10 * SECOND + k, now_ns)
    assert clock.refused == 2


@pytest.mark.parametrize("now_ns", [NOW, 10 * SECOND])
def test_a_second_stamp_ahead_shows_that_time_has_jumped(now_ns: int) -> None:
    clock = StampClock()
    clock.restarted(10 * SECOND, now_ns)
    with pytest.raises(ValueError, match="is 3600 s ahead"):
        clock.restarted(3610 * SECOND, now_ns)
    assert not clock.restarted(3611 * SECOND, now_ns)
    assert not clock.restarted(3612 * SECOND, now_ns + SECOND)


def test_a_pause_by_the_node_s_own_clock_is_no_jump() -> None:
    clock = StampClock()
    clock.restarted(10 * SECOND, 10 * SECOND)
    assert not clock.restarted(500 * SECOND, 500 * SECOND)


def test_stamps_that_are_always_far_apart_are_all_taken_but_one() -> None:
    clock = StampClock()
    refused = 0
    for k in range(10):
        try:
            clock.restarted(20 * k * SECOND, NOW)
        except ValueError:
            refused += 1
    assert refused == 1


def test_the_present_is_the_node_s_own_where_stamps_are_of_its_clock() -> None:
    clock = StampClock()
    assert clock.present_ns(5 * SECOND) is None
    clock.restarted(1000 * SECOND, 1000 * SECOND + SECOND // 5)
    assert clock.present_ns(1001 * SECOND) == 1001 * SECOND


def test_the_present_of_foreign_stamps_is_the_newest_one_and_the_time_since() -> None:
    clock = StampClock()
    clock.restarted(3 * SECOND, NOW)
    assert clock.present_ns(NOW + SECOND // 2) == 3 * SECOND + SECOND // 2
