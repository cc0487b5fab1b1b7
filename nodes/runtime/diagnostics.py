"""What a node reports once a second: a state word, what to do about it, and figures."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

LEVELS_AND_ADVICE = {
    "ok": (DiagnosticStatus.OK, "working"),
    "no_input": (DiagnosticStatus.WARN, "no messages arrive: check the topic name, its type and that the driver runs"),
    "sync_starved": (DiagnosticStatus.WARN, "stamps of the inputs never meet: compare clocks, or widen sync_tolerance"),
    "no_tf": (DiagnosticStatus.WARN, "a transform is missing: check the frame names and who publishes them"),
    "bad_input": (DiagnosticStatus.ERROR, "the input cannot be used: see what is wrong with it"),
    "model_mismatch": (DiagnosticStatus.ERROR, "model and file do not fit: give the file that this model made"),
    "bad_parameter": (DiagnosticStatus.WARN, "it has no effect: correct its name"),
    "not_saved": (DiagnosticStatus.ERROR, "all else goes on: make room, or save to another file"),
    "not_mapping": (DiagnosticStatus.WARN, "the robot is located, nothing is added: set the clock, or begin a new map"),
    "overloaded": (DiagnosticStatus.WARN, "messages are dropped: lower the input rate or give the node more cores"),
    "unconstrained": (DiagnosticStatus.WARN, "a motion is only predicted: see its covariance, add wheels or an IMU"),
    "no_pose": (DiagnosticStatus.WARN, "objects were detected, and none has a pose: see the reason of each"),
    "frozen": (DiagnosticStatus.WARN, "the same image comes again and again: check the camera and its driver"),
    "camera_changed": (DiagnosticStatus.WARN, "the path goes on from the last pose, which has become less certain"),
    "lost": (DiagnosticStatus.WARN, "the position is not known: drive to a place that is in the map"),
}
"""Level and advice by state word; no node has other words."""
LATENCIES_KEPT = 1000
"""The newest results, of which percentiles are reported."""
CLOCK_STEP_S = 60.0
"""A latency that differs by more from the one before is of a clock that was set: earlier ones are forgotten."""


@dataclass(frozen=True)
class State:
    """A state word and, in one line, the particular cause."""

    word: str = "ok"
    detail: str = ""

    def __post_init__(self) -> None:
        if self.word not in LEVELS_AND_ADVICE:
            raise ValueError(f"unknown state word {self.word!r}; known: {', '.join(LEVELS_AND_ADVICE)}")

    @property
    def message(self) -> str:
        """State word, cause, and what to do."""
        _, advice = LEVELS_AND_ADVICE[self.word]
        return f"{self.word}: {self.detail} ({advice})" if self.detail else f"{self.word}: {advice}"


class Statistics:
    """Counts and latencies of a node since the last report; may be fed from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latencies_s: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self._processing_s: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self._received = self._published = 0
        self._total_received = self._total_published = 0
        self._processed = self._refused = 0

    def received(self) -> None:
        """Count a message that has come in."""
        with self._lock:
            self._received += 1
            self._total_received += 1

    def published(self, latency_s: float, processing_s: float) -> None:
        """Count a result, published so many seconds after the stamp and after the arrival of its input."""
        with self._lock:
            self._published += 1
            self._total_published += 1
            if self._latencies_s and abs(latency_s - self._latencies_s[-1]) > CLOCK_STEP_S:
                self._latencies_s.clear()
            self._latencies_s.append(latency_s)
            self._processing_s.append(processing_s)

    def processed(self, refused: bool) -> None:
        """Count a message that the node is done with; `refused` is one that could not be used."""
        with self._lock:
            self._processed += 1
            self._refused += refused

    def forget_latencies(self) -> None:
        """Begin the percentiles of latencies anew: stamps are of another time from now on."""
        with self._lock:
            self._latencies_s.clear()

    def report(self, elapsed_s: float) -> dict[str, float]:
        """Figures by name; rates are over the `elapsed_s` seconds since the last report."""
        with self._lock:
            figures = {
                "rate_in_hz": self._received / elapsed_s,
                "rate_out_hz": self._published / elapsed_s,
                "received": self._total_received,
                "published": self._total_published,
                "processed": self._processed,
                "refused": self._refused,
                **_percentiles("latency", self._latencies_s),
                **_percentiles("processing", self._processing_s),
            }
            self._received = self._published = 0
            return figures


def _percentiles(name: str, seconds: deque[float]) -> dict[str, float]:
    if not seconds:
        return {}
    p50, p99 = np.percentile(np.fromiter(seconds, float), [50, 99]) * 1e3
    return {f"{name}_p50_ms": float(p50), f"{name}_p99_ms": float(p99)}


def to_status(name: str, hardware_id: str, state: State, figures: Mapping[str, object]) -> DiagnosticStatus:
    """One status whose first value is the state word."""
    level, _ = LEVELS_AND_ADVICE[state.word]
    values = key_values({"state": state.word, **figures})
    return DiagnosticStatus(level=level, name=name, hardware_id=hardware_id, message=state.message, values=values)


def key_values(figures: Mapping[str, object]) -> list[KeyValue]:
    """Figures as text: floats with six significant digits, truth values as true and false."""
    return [KeyValue(key=key, value=_text(value)) for key, value in figures.items()]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def values_of(status: DiagnosticStatus) -> dict[str, str]:
    """The values of a status by key."""
    return {item.key: item.value for item in status.values}


def to_array(status: DiagnosticStatus, stamp: object, frame_id: str = "") -> DiagnosticArray:
    """A status with a stamp."""
    array = DiagnosticArray(status=[status])
    array.header.stamp, array.header.frame_id = stamp, frame_id
    return array
