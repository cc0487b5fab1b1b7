"""The order of the stamps of an input; without ROS."""

from __future__ import annotations

RESTART_NS = 1_000_000_000
"""A message older than the one before by more than this means that time starts again; by less, it is out of order."""


class StampOrder:
    """Compares each stamp of one input with the newest one; counts those that are out of order."""

    def __init__(self) -> None:
        self.newest_ns: int | None = None
        self.out_of_order = 0

    def restarted(self, stamp_ns: int) -> bool:
        """Take the next stamp and return whether time has restarted since the last one.

        Raises ValueError for one that is out of order: its message is to be left out.
        """
        before_ns = self.newest_ns
        if before_ns is not None and 0 <= before_ns - stamp_ns <= RESTART_NS:
            self.out_of_order += 1
            raise ValueError(f"a scan of stamp {stamp_ns} ns came after one of {before_ns} ns")
        self.newest_ns = stamp_ns
        return before_ns is not None and stamp_ns < before_ns
