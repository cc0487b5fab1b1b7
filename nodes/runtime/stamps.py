"""Whether a message comes after the one before it, by their stamps; without ROS."""

from __future__ import annotations

RESTART_NS = 1_000_000_000
"""A message this much older than the one before means that time starts again; a younger one is merely out of order."""


class StampOrder:
    """Follows the stamps of one input."""

    def __init__(self) -> None:
        self.newest_ns: int | None = None

    def restarted(self, stamp_ns: int) -> bool:
        """Take the next stamp; whether time has started again before it.

        Raises ValueError for one that is merely out of order: it is to be left out.
        """
        before_ns = self.newest_ns
        if before_ns is not None and 0 <= before_ns - stamp_ns <= RESTART_NS:
            raise ValueError(f"a scan of stamp {stamp_ns} ns came after one of {before_ns} ns")
        self.newest_ns = stamp_ns
        return before_ns is not None and stamp_ns < before_ns
