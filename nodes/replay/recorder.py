"""Collects what a node publishes while a bag is replayed; the recorder of each node is in the file of that name."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.subscription import Subscription

from isometry.evaluation.replay.recording import NodeRecording
from isometry.nodes.replay.player import Played
from isometry.nodes.runtime.diagnostics import values_of
from isometry.nodes.runtime.quality_of_service import reliable

REFUSALS = ("model_mismatch", "bad_input")
Answer = TypeVar("Answer")


class NodeRecorder(Generic[Answer]):
    """Subscribes to /diagnostics and to the answers of a node. Its methods may be called from any thread.

    An answer has the stamp of its input.
    """

    ANSWER_TIMEOUT_S = 5.0
    """A message that is neither answered nor reported as processed for so long is taken for lost."""

    def __init__(self, node: Node, name: str, frames: tuple[str, str]) -> None:
        """`name` is the name of the node, `frames` those of the odometry and of the robot."""
        self.frames = frames
        self.name, self.refusal = name, ""  # why the node does not work, before the first answer
        self.subscriptions: list[Subscription] = []  # that must be connected before anything is played
        self.changed = threading.Condition()
        self._answers: dict[int, Answer] = {}  # by the shifted stamp of the input
        self._received_ns: dict[int, int] = {}
        self.reports: list[tuple[int, dict[str, str]]] = []  # when they came, and their values
        self._problems: dict[str, str] = {}
        self._diagnostics = node.create_subscription(DiagnosticArray, "/diagnostics", self._receive_report, reliable())

    # What a subclass provides.
    def recording(self, played: Sequence[Played], shift_ns: int) -> NodeRecording:
        """What was published, with stamps as in the bag."""
        raise NotImplementedError

    def complete(self) -> bool:
        """Whether what the node publishes beside its answers is as new as they are."""
        return True

    # For the replay.
    def matched(self) -> bool:
        """Whether the node's topics are connected."""
        return all(subscription.get_publisher_count() for subscription in self.subscriptions)

    def wait_for_answer(self, stamp_ns: int, played: int, timeout_s: float) -> None:
        """Until the input with this shifted stamp, the last of `played`, is answered or done with, or the time is over.

        A report says so of an input that has no answer.
        """
        self._wait(lambda: stamp_ns in self._answers or self._done() >= played, timeout_s)

    def wait_until_complete(self, last_stamp_ns: int, played: int, timeout_s: float) -> None:
        """Until the last input is done with and a later report of the node has come, or the time is over."""
        self.wait_for_answer(last_stamp_ns, played, timeout_s)
        now_ns = time.time_ns()
        self._wait(self.complete, timeout_s)
        self._wait(lambda: bool(self.reports) and self.reports[-1][0] > now_ns, timeout_s)

    # For a subclass.
    def answered(self, stamp_ns: int, answer: Answer) -> None:
        """Keep an answer that has just come."""
        received_ns = time.time_ns()
        with self.changed:
            self._answers[stamp_ns], self._received_ns[stamp_ns] = answer, received_ns
            self.changed.notify_all()

    def common_fields(self, played: Sequence[Played], shift_ns: int) -> tuple[list[Answer], dict[str, Any]]:
        """Answers to what was played in the order of their stamps, and the fields of every `NodeRecording`."""
        published_ns = {scan.stamp_ns + shift_ns: scan.published_ns for scan in played}
        stamps = sorted(stamp for stamp in self._answers if stamp in published_ns)
        latency_ns = [self._received_ns[stamp] - published_ns[stamp] for stamp in stamps]
        return [self._answers[stamp] for stamp in stamps], {
            "scan_stamps_ns": np.array([scan.stamp_ns for scan in played]),
            "lateness_s": np.array([scan.late_ns for scan in played]) * 1e-9,
            "answer_stamps_ns": np.array(stamps, dtype=np.int64) - shift_ns,
            "latency_s": np.array(latency_ns) * 1e-9,
            "given": {},
            "report_scans": np.searchsorted(
                [scan.published_ns for scan in played], [at_ns for at_ns, _ in self.reports]
            ),
            "report_states": np.array([values["state"] for _, values in self.reports], dtype=str),
            "diagnostics": self.reports[-1][1] if self.reports else {},
            "problems": dict(self._problems),
        }

    def _done(self) -> int:
        """How many inputs the node is done with, as its last report says."""
        values = self.reports[-1][1] if self.reports else {}
        return int(values.get("processed", 0)) + int(values.get("drops", 0))

    def _wait(self, predicate: Callable[[], bool], timeout_s: float) -> None:
        with self.changed:
            self.changed.wait_for(predicate, timeout_s)

    def _receive_report(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.endswith(f"{self.name}: status"):
                with self.changed:
                    values = values_of(status)
                    self.reports.append((time.time_ns(), values))
                    state = values["state"]
                    if state != "ok":
                        self._problems.pop(state, None)  # the newest comes last
                        self._problems[state] = status.message
                    self.refusal = status.message if state in REFUSALS and not self._answers else ""
                    self.changed.notify_all()
