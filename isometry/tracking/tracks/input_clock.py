"""The stamps of an input: which are in order, which are left out, and when time begins anew."""

from __future__ import annotations

OUT_OF_ORDER_S = 1.0  # an input that is older than the newest one by no more than this is late
DOUBTFUL_S, DOUBTFUL_STEPS = 1.0, 3.0  # a step is doubtful when it is longer than this and than so many steps before


class InputClock:
    """Compares each stamp with the newest one that was used.

    A stamp far from all others may be the fault of a single message. It is believed when the next one follows it: until
    then nothing ends.
    """

    def __init__(self, longest_gap_s: float) -> None:
        self.longest_gap_s = longest_gap_s
        self._newest_ns: int | None = None
        self._doubtful_ns: int | None = None
        self._step_s = 0.0

    def restarts(self, stamp_ns: int) -> bool:
        """Whether time begins anew with this stamp.

        Raises ValueError for a stamp whose input must be left out: it is late, or jumps and no other one has yet.
        """
        if self._newest_ns is None:
            return False
        elapsed_s = self.elapsed_s(stamp_ns)
        credible_s = min(self.longest_gap_s, max(DOUBTFUL_S, DOUBTFUL_STEPS * self._step_s))
        if 0.0 < elapsed_s <= credible_s:
            return False
        if -OUT_OF_ORDER_S <= elapsed_s <= 0.0:
            raise ValueError(f"an input of stamp {stamp_ns} ns came after one of {self._newest_ns} ns")
        if self._doubtful_ns is not None and 0.0 < (stamp_ns - self._doubtful_ns) * 1e-9 <= credible_s:
            return elapsed_s < 0.0 or elapsed_s > self.longest_gap_s
        self._doubtful_ns = stamp_ns
        jump = f"{'on' if elapsed_s > 0.0 else 'back'} by {abs(elapsed_s):.4g} s"
        raise ValueError(f"the stamp {stamp_ns} ns jumps {jump}: left out unless the next one follows it")

    def elapsed_s(self, stamp_ns: int) -> float:
        """Seconds since the newest stamp that was used; 0 for the first one."""
        return 0.0 if self._newest_ns is None else (stamp_ns - self._newest_ns) * 1e-9

    def advance(self, stamp_ns: int) -> None:
        """Take a stamp whose input is used."""
        self._step_s = max(self.elapsed_s(stamp_ns), 0.0)
        self._newest_ns, self._doubtful_ns = stamp_ns, None

    def reset(self) -> None:
        """Begin anew with any stamp."""
        self._newest_ns = self._doubtful_ns = None
        self._step_s = 0.0
