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

    def __init__(self, node: Node, name: str) -> None:
        """`name` is the name of the node."""
        self.name, self.refusal = name, ""  # why the node does not work, before the first answer
        self.subscriptions: list[Subscription] = []  # that must be connected before anything is played
        self.changed = threading.Condition()
        self._answers: dict[int, Answer] = {}  # by the shifted stamp of the input
        self._received_ns: dict[int, int] = {}
        self._figures: dict[str, str] = {}
        self._states: list[str] = []
        self._reported_ns = 0
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

    def wait_for_answer(self, stamp_ns: int, timeout_s: float) -> None:
        """Until the input with this shifted stamp is answered, or the time is over."""
        self._wait(lambda: stamp_ns in self._answers, timeout_s)

    def wait_until_complete(self, last_stamp_ns: int, timeout_s: float) -> None:
        """Until the last input is answered and a later report of the node has come, or the time is over."""
        self.wait_for_answer(last_stamp_ns, timeout_s)
        now_ns = time.time_ns()
        self._wait(self.complete, timeout_s)
        self._wait(lambda: self._reported_ns > now_ns, timeout_s)

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
            "diagnostics": dict(self._figures),
            "states": tuple(self._states),
        }

    def _wait(self, predicate: Callable[[], bool], timeout_s: float) -> None:
        with self.changed:
            self.changed.wait_for(predicate, timeout_s)

    def _receive_report(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.endswith(f"{self.name}: status"):
                with self.changed:
                    self._figures, self._reported_ns = values_of(status), time.time_ns()
                    state = self._figures["state"]
                    if state not in self._states:
                        self._states.append(state)
                    self.refusal = status.message if state in REFUSALS and not self._answers else ""
                    self.changed.notify_all()
