"""Collects what a place-recognition node publishes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Path
from numpy.typing import NDArray
from rclpy.node import Node

from isometry.evaluation.recording import Recording
from isometry.geometry import se3
from isometry.nodes.replay.player import Played
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.diagnostics import values_of
from isometry.nodes.runtime.quality_of_service import latched, reliable

REFUSALS = ("model_mismatch", "bad_input")


class AnswerRecorder:
    """Subscribes to `match`, `keyframes` and /diagnostics; may be asked from another thread than the executor's."""

    def __init__(self, node: Node) -> None:
        self._changed = threading.Condition()
        self._answers: dict[int, dict[str, str]] = {}  # by the shifted stamp of the scan
        self._received_ns: dict[int, int] = {}
        self._path = Path()
        self._figures: dict[str, str] = {}
        self._states: list[str] = []
        self._reported_ns = self._changed_map_ns = 0
        self.refusal = ""  # why the node does not work, before the first answer
        self._match = node.create_subscription(DiagnosticArray, "match", self._receive_match, reliable(1000))
        self._keyframes = node.create_subscription(Path, "keyframes", self._receive_path, latched())
        self._diagnostics = node.create_subscription(DiagnosticArray, "/diagnostics", self._receive_report, reliable())

    def matched(self) -> bool:
        """Whether the node's topics are connected."""
        return bool(self._match.get_publisher_count() and self._keyframes.get_publisher_count())

    def wait_for_answer(self, stamp_ns: int, timeout_s: float) -> None:
        """Until the scan with this shifted stamp is answered, or the time is over."""
        self._wait(lambda: stamp_ns in self._answers, timeout_s)

    def wait_until_complete(self, last_stamp_ns: int, timeout_s: float) -> None:
        """Until the last scan is answered and what the node says of its map and itself is newer; or time is over."""
        self.wait_for_answer(last_stamp_ns, timeout_s)
        now_ns = time.time_ns()
        self._wait(lambda: messages.stamp_ns(self._path.header.stamp) >= self._changed_map_ns, timeout_s)
        self._wait(lambda: self._reported_ns > now_ns, timeout_s)

    def recording(self, played: Sequence[Played], shift_ns: int) -> Recording:
        """All of it, with stamps as in the bag."""
        with self._changed:
            published_ns = {scan.stamp_ns + shift_ns: scan.published_ns for scan in played}
            stamps = sorted(stamp for stamp in self._answers if stamp in published_ns)
            answers = [self._answers[stamp] for stamp in stamps]
            latency_ns = [self._received_ns[stamp] - published_ns[stamp] for stamp in stamps]
            return Recording(
                scan_stamps_ns=np.array([scan.stamp_ns for scan in played]),
                answer_stamps_ns=np.array(stamps, dtype=np.int64) - shift_ns,
                latency_s=np.array(latency_ns) * 1e-9,
                accepted=np.array([answer["accepted"] == "true" for answer in answers], dtype=bool),
                reasons=np.array([answer["reason"] for answer in answers], dtype=str),
                keyframes=np.array([int(answer["keyframe"]) for answer in answers], dtype=np.int64),
                confidences=np.array([float(answer["confidence"]) for answer in answers]),
                first_candidates=np.array([_first(answer["candidates"]) for answer in answers], dtype=np.int64),
                T_keyframe_query=_stacked([_pose(answer) for answer in answers]),
                keyframe_stamps_ns=np.array(
                    [messages.stamp_ns(pose.header.stamp) - shift_ns for pose in self._path.poses], dtype=np.int64
                ),
                T_map_keyframe=_stacked([messages.from_pose(pose.pose) for pose in self._path.poses]),
                lateness_s=np.array([scan.late_ns for scan in played]) * 1e-9,
                diagnostics=dict(self._figures),
                states=tuple(self._states),
            )

    def _wait(self, predicate: Callable[[], bool], timeout_s: float) -> None:
        with self._changed:
            self._changed.wait_for(predicate, timeout_s)

    def _receive_match(self, message: DiagnosticArray) -> None:
        received_ns = time.time_ns()
        stamp_ns, values = messages.stamp_ns(message.header.stamp), values_of(message.status[0])
        with self._changed:
            self._answers[stamp_ns], self._received_ns[stamp_ns] = values, received_ns
            if values["accepted"] == "true" or values["added_keyframe"] != "-1":
                self._changed_map_ns = max(self._changed_map_ns, stamp_ns)
            self._changed.notify_all()

    def _receive_path(self, message: Path) -> None:
        with self._changed:
            self._path = message
            self._changed.notify_all()

    def _receive_report(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.endswith("place_recognition: status"):
                with self._changed:
                    self._figures, self._reported_ns = values_of(status), time.time_ns()
                    state = self._figures["state"]
                    if state not in self._states:
                        self._states.append(state)
                    self.refusal = status.message if state in REFUSALS and not self._answers else ""
                    self._changed.notify_all()


def _first(candidates: str) -> int:
    return int(candidates.split()[0]) if candidates else -1


def _pose(answer: dict[str, str]) -> NDArray[np.float64]:
    """T_keyframe_query (4,4) of an answer's seven numbers x, y, z and the quaternion x, y, z, w; NaN without."""
    numbers = np.array([float(number) for number in answer.get("pose_in_keyframe", "").split()])
    return se3.from_quaternion_translation(numbers[3:], numbers[:3]) if len(numbers) else np.full((4, 4), np.nan)


def _stacked(transforms: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.stack(transforms) if transforms else np.zeros((0, 4, 4))
