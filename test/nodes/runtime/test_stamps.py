"""The order of stamps."""

from __future__ import annotations

import pytest

from isometry.nodes.runtime.stamps import StampOrder

SECOND = 1_000_000_000


def test_stamps_that_grow_are_no_restart() -> None:
    order = StampOrder()
    assert [order.restarted(stamp) for stamp in (5, 6, 100 * SECOND)] == [False, False, False]


def test_a_stamp_a_little_older_is_out_of_order_and_leaves_the_newest() -> None:
    order = StampOrder()
    order.restarted(10 * SECOND)
    for late in (10 * SECOND, 10 * SECOND - 1, 9 * SECOND):
        with pytest.raises(ValueError, match=f"stamp {late} ns came after one of {10 * SECOND} ns"):
            order.restarted(late)
    assert not order.restarted(10 * SECOND + 1)


def test_a_stamp_much_older_starts_time_again() -> None:
    order = StampOrder()
    order.restarted(10 * SECOND)
    assert order.restarted(8 * SECOND)
    assert not order.restarted(8 * SECOND + 1)
