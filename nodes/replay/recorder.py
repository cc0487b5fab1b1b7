"""Collects what a node publishes while a bag is replayed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Path
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.subscription import Subscription
from vision_msgs.msg import Detection3DArray

from isometry.evaluation.replay.recording import NodeRecording, Recording, TrackingRecording
from isometry.geometry import se3
from isometry.nodes.replay.player import Played
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.diagnostics import values_of
from isometry.nodes.runtime.quality_of_service import latched, reliable
from isometry.nodes.tracking.messages import from_detections

REFUSALS = ("model_mismatch", "bad_input")
Answer = TypeVar("Answer")


class NodeRecorder(Generic[Answer]):
    """Subscribes to /diagnostics and to answers of a node; may be asked from another thread than the executor's.

    An answer has the stamp of the input that it is of.
    """

    def __init__(self, node: Node, name: str) -> None:
        """`name` is of the node that is listened to."""
        self.name, self.refusal = name, ""  # why the node does not work, before the first answer
        self.subscriptions: list[Subscription] = []  # to what must be connected before anything is played
        self._changed = threading.Condition()
        self._answers: dict[int, Answer] = {}  # by the shifted stamp of the input
        self._received_ns: dict[int, int] = {}
        self._figures: dict[str, str] = {}
        self._states: list[str] = []
        self._reported_ns = 0
        self._diagnostics = node.create_subscription(DiagnosticArray, "/diagnostics", self._receive_report, reliable())

    # What a subclass provides.
    def recording(self, played: Sequence[Played], shift_ns: int) -> NodeRecording:
        """All of it, with stamps as in the bag."""
        raise NotImplementedError

    def complete(self) -> bool:
        """Whether what the node says beside its answers is as new as they are."""
        return True

    # For the replay.
    def matched(self) -> bool:
        """Whether the node's topics are connected."""
        return all(subscription.get_publisher_count() for subscription in self.subscriptions)

    def wait_for_answer(self, stamp_ns: int, timeout_s: float) -> None:
        """Until the input with this shifted stamp is answered, or the time is over."""
        self._wait(lambda: stamp_ns in self._answers, timeout_s)

    def wait_until_complete(self, last_stamp_ns: int, timeout_s: float) -> None:
        """Until the last input is answered and what the node says of itself is newer; or time is over."""
        self.wait_for_answer(last_stamp_ns, timeout_s)
        now_ns = time.time_ns()
        self._wait(self.complete, timeout_s)
        self._wait(lambda: self._reported_ns > now_ns, timeout_s)

    # For a subclass.
    def answered(self, stamp_ns: int, answer: Answer) -> None:
        """Keep an answer that has just come."""
        received_ns = time.time_ns()
        with self._changed:
            self._answers[stamp_ns], self._received_ns[stamp_ns] = answer, received_ns
            self._changed.notify_all()

    def common(self, played: Sequence[Played], shift_ns: int) -> tuple[list[Answer], dict[str, Any]]:
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
        with self._changed:
            self._changed.wait_for(predicate, timeout_s)

    def _receive_report(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.endswith(f"{self.name}: status"):
                with self._changed:
                    self._figures, self._reported_ns = values_of(status), time.time_ns()
                    state = self._figures["state"]
                    if state not in self._states:
                        self._states.append(state)
                    self.refusal = status.message if state in REFUSALS and not self._answers else ""
                    self._changed.notify_all()


class MatchRecorder(NodeRecorder[dict[str, str]]):
    """What a place-recognition node says: `match` and `keyframes`."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, Recording.node)
        self._path, self._changed_map_ns = Path(), 0
        self.subscriptions = [
            node.create_subscription(DiagnosticArray, "match", self._receive_match, reliable(1000)),
            node.create_subscription(Path, "keyframes", self._receive_path, latched()),
        ]

    def complete(self) -> bool:
        """Whether the last map is there."""
        return messages.stamp_ns(self._path.header.stamp) >= self._changed_map_ns

    def recording(self, played: Sequence[Played], shift_ns: int) -> Recording:
        """All of it, with stamps as in the bag."""
        with self._changed:
            answers, common = self.common(played, shift_ns)
            return Recording(
                **common,
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
            )

    def _receive_match(self, message: DiagnosticArray) -> None:
        stamp_ns, values = messages.stamp_ns(message.header.stamp), values_of(message.status[0])
        with self._changed:
            if values["accepted"] == "true" or values["added_keyframe"] != "-1":
                self._changed_map_ns = max(self._changed_map_ns, stamp_ns)
            self.answered(stamp_ns, values)

    def _receive_path(self, message: Path) -> None:
        with self._changed:
            self._path = message
            self._changed.notify_all()


class TrackRecorder(NodeRecorder[Detection3DArray]):
    """What a tracking node says: `tracks`."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, TrackingRecording.node)
        self.subscriptions = [node.create_subscription(Detection3DArray, "tracks", self._receive, reliable(1000))]

    def recording(self, played: Sequence[Played], shift_ns: int) -> TrackingRecording:
        """All of it, with stamps as in the bag."""
        with self._changed:
            answers, common = self.common(played, shift_ns)
            tracks = [track for answer in answers for track in answer.detections]
            told = from_detections(Detection3DArray(detections=tracks), np.eye(4), {})
            return TrackingRecording(
                **common,
                answers=np.repeat(np.arange(len(answers)), [len(answer.detections) for answer in answers]),
                ids=np.array([int(track.id) for track in tracks], dtype=np.int64),
                labels=np.array(told.labels, dtype=str),
                confidences=told.scores,
                boxes=told.boxes,
                frame=np.array(answers[0].header.frame_id if answers else ""),
            )

    def _receive(self, message: Detection3DArray) -> None:
        self.answered(messages.stamp_ns(message.header.stamp), message)


RECORDERS: dict[str, Callable[[Node], MatchRecorder | TrackRecorder]] = {
    Recording.node: MatchRecorder,
    TrackingRecording.node: TrackRecorder,
}
"""By the name of the node."""


def _first(candidates: str) -> int:
    return int(candidates.split()[0]) if candidates else -1


def _pose(answer: dict[str, str]) -> NDArray[np.float64]:
    """T_keyframe_query (4,4) of an answer's seven numbers x, y, z and the quaternion x, y, z, w; NaN without."""
    numbers = np.array([float(number) for number in answer.get("pose_in_keyframe", "").split()])
    return se3.from_quaternion_translation(numbers[3:], numbers[:3]) if len(numbers) else np.full((4, 4), np.nan)


def _stacked(transforms: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.stack(transforms) if transforms else np.zeros((0, 4, 4))
