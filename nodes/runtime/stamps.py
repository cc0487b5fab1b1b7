"""The stamps of an input, compared with one another and with the node's clock; without ROS."""

from __future__ import annotations

RESTART_NS = 1_000_000_000
"""A message older than the one before by more than this means that time starts again; by less, it is out of order."""
AHEAD_NS = 10_000_000_000
"""Of stamps of another clock, one newer than the one before by more than this, and twice the last step, is doubtful."""
FOREIGN_CLOCK_NS = 60_000_000_000
"""A clock whose time differs by more than this from that of stamps is not the clock of these stamps."""


class StampClock:
    """Which messages of one input come in order, when time starts again, and the present in the time of their stamps.

    A stamp that runs back by more than a second starts time again, as a bag does that loops. One stamp far ahead of all
    others, as a driver sends with a wrong time, is refused; a second one beyond it shows that time has indeed jumped.
    """

    def __init__(self) -> None:
        self.newest_ns: int | None = None
        self.refused = 0
        self._step_ns = 0  # between the newest stamp and the one before
        self._lead_ns = 0  # of the newest stamp before the node's clock when it came
        self._doubtful_ns: int | None = None  # a stamp far ahead, which a newer one confirms

    def restarted(self, stamp_ns: int, now_ns: int) -> bool:
        """Take the next stamp, which came at `now_ns` of the node's clock; whether time has restarted since the last.

        Raises ValueError for one that is out of order or far ahead of all others: its message is to be left out.
        """
        lead_ns, doubtful_ns, self._doubtful_ns = stamp_ns - now_ns, self._doubtful_ns, None
        step_ns = 0 if self.newest_ns is None else stamp_ns - self.newest_ns
        if self.newest_ns is not None and -RESTART_NS <= step_ns <= 0:
            self.refused += 1
            raise ValueError(f"a message of stamp {stamp_ns} ns came after one of {self.newest_ns} ns")
        if self.newest_ns is not None and self._far_ahead(step_ns, lead_ns):
            if doubtful_ns is None or stamp_ns <= doubtful_ns:
                self._doubtful_ns = stamp_ns
                self.refused += 1
                raise ValueError(f"the stamp of a message is {step_ns * 1e-9:.6g} s ahead of the one before")
        self.newest_ns, self._step_ns, self._lead_ns = stamp_ns, max(step_ns, 0), lead_ns
        return step_ns < 0

    def _far_ahead(self, step_ns: int, lead_ns: int) -> bool:
        if self._own_clock():
            return lead_ns - self._lead_ns > RESTART_NS
        return step_ns > max(AHEAD_NS, 2 * self._step_ns)

    def _own_clock(self) -> bool:
        return abs(self._lead_ns) <= FOREIGN_CLOCK_NS

    def present_ns(self, now_ns: int) -> int | None:
        """The node's clock where stamps are of it; else the newest stamp and the time since; None before any stamp."""
        if self.newest_ns is None:
            return None
        return now_ns if self._own_clock() else now_ns + self._lead_ns
