"""Messages that belong together."""

from __future__ import annotations

import pytest

from isometry.nodes.runtime.synchronizer import StampSynchronizer

SECOND = 1_000_000_000


@pytest.fixture
def together() -> StampSynchronizer:
    return StampSynchronizer(("image", "depth", "boxes"), 10, 4)


def test_a_set_is_complete_with_its_last_message_in_any_order(together: StampSynchronizer) -> None:
    assert together.put("image", 100, "i") is None
    assert together.put("boxes", 100, "b") is None
    assert together.put("depth", 107, "d") == {"image": "i", "depth": "d", "boxes": "b"}
    assert together.put("boxes", 101, "again") is None  # a set is given once


def test_late_detections_belong_to_the_image_they_were_made_of(together: StampSynchronizer) -> None:
    for stamp in (100, 200, 300):
        together.put("image", stamp, f"i{stamp}")
        together.put("depth", stamp, f"d{stamp}")
    assert together.put("boxes", 200, "b") == {"image": "i200", "depth": "d200", "boxes": "b"}
    assert together.put("boxes", 100, "older") is None


def test_stamps_that_never_meet_have_a_gap(together: StampSynchronizer) -> None:
    assert together.gaps() == {"depth": None, "boxes": None}
    for k in range(9):
        together.put("image", k * SECOND, "i")
        assert together.put("depth", k * SECOND + SECOND // 4, "d") is None
    assert together.gaps() == {"depth": 0.25, "boxes": None}


def test_of_many_messages_the_last_are_kept(together: StampSynchronizer) -> None:
    for stamp in range(100, 1000, 100):
        together.put("image", stamp, stamp)
        together.put("depth", stamp, stamp)
    assert together.put("boxes", 500, "b") is None
    assert together.put("boxes", 600, "b") == {"image": 600, "depth": 600, "boxes": "b"}


def test_time_may_start_again(together: StampSynchronizer) -> None:
    for start in (100 * SECOND, 5 * SECOND):
        together.put("image", start, "i")
        together.put("depth", start, "d")
        assert together.put("boxes", start, start) == {"image": "i", "depth": "d", "boxes": start}
