"""Messages of several inputs that belong together, by their stamps; without ROS."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from isometry.nodes.runtime.stamps import RESTART_NS


class StampSynchronizer:
    """Keeps the last messages of each input, and gives sets of one message each whose stamps are about the same.

    The first input leads: a set has its stamp, and sets come in the order of these stamps. A leading message that was
    never complete, because a later one was, is left out. Inputs may come late, as detections of an image do.
    """

    def __init__(self, names: Sequence[str], tolerance_ns: int, kept: int) -> None:
        """`kept` is the number of messages of each input that wait for the others."""
        self._names, self._tolerance_ns, self._kept = tuple(names), tolerance_ns, kept
        self._waiting: dict[str, OrderedDict[int, Any]] = {name: OrderedDict() for name in names}
        self._last_ns: int | None = None  # stamp of the last set

    def put(self, name: str, stamp_ns: int, message: Any) -> dict[str, Any] | None:
        """Take a message; the newest set that it makes complete, by the names of the inputs, if it makes one."""
        own = self._waiting[name]
        if own and stamp_ns < next(reversed(own)) - RESTART_NS:  # time starts again
            own.clear()
            if name == self._names[0]:
                self._last_ns = None
        own[stamp_ns] = message
        while len(own) > self._kept:
            own.popitem(last=False)
        for leading_ns in reversed(self._waiting[self._names[0]]):
            if self._last_ns is not None and leading_ns <= self._last_ns:
                return None
            found = self._set(leading_ns)
            if found is not None:
                self._last_ns = leading_ns
                return found
        return None

    def _set(self, leading_ns: int) -> dict[str, Any] | None:
        found = {}
        for name, waiting in self._waiting.items():
            nearest = min(waiting, key=lambda stamp: abs(stamp - leading_ns), default=None)
            if nearest is None or abs(nearest - leading_ns) > self._tolerance_ns:
                return None
            found[name] = waiting[nearest]
        return found

    def gaps(self) -> dict[str, float | None]:
        """For each input but the first, seconds between its stamps and the nearest of the first; None without any."""
        leading = self._waiting[self._names[0]]
        return {
            name: min((abs(a - b) * 1e-9 for a in leading for b in self._waiting[name]), default=None)
            for name in self._names[1:]
        }
