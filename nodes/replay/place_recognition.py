"""Collects what a place-recognition node publishes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Path
from rclpy.node import Node

from isometry.arrays import Array
from isometry.evaluation.replay.recording import PlaceRecognitionRecording
from isometry.geometry import se3
from isometry.nodes.replay.player import Played
from isometry.nodes.replay.recorder import NodeRecorder
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.diagnostics import values_of
from isometry.nodes.runtime.quality_of_service import latched, reliable


class PlaceRecognitionRecorder(NodeRecorder[dict[str, str]]):
    """Records `match` and `keyframes`."""

    def __init__(self, node: Node, frames: tuple[str, str]) -> None:
        super().__init__(node, PlaceRecognitionRecording.node, frames)
        self._path, self._changed_map_ns = Path(), 0
        self.subscriptions = [
            node.create_subscription(DiagnosticArray, "match", self._receive_match, reliable(1000)),
            node.create_subscription(Path, "keyframes", self._receive_path, latched()),
        ]

    def complete(self) -> bool:
        """Whether the map is as new as the last answer that changed it."""
        return messages.stamp_ns(self._path.header.stamp) >= self._changed_map_ns

    def recording(self, played: Sequence[Played], shift_ns: int) -> PlaceRecognitionRecording:
        """What was published, with stamps as in the bag."""
        with self.changed:
            answers, common = self.common_fields(played, shift_ns)
            return PlaceRecognitionRecording(
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
        with self.changed:
            if values["accepted"] == "true" or values["added_keyframe"] != "-1":
                self._changed_map_ns = max(self._changed_map_ns, stamp_ns)
            self.answered(stamp_ns, values)

    def _receive_path(self, message: Path) -> None:
        with self.changed:
            self._path = message
            self.changed.notify_all()


def _first(candidates: str) -> int:
    return int(candidates.split()[0]) if candidates else -1


def _pose(answer: dict[str, str]) -> Array:
    """T_keyframe_query (4,4) of an answer's seven numbers x, y, z and the quaternion x, y, z, w; NaN without."""
    numbers = np.array([float(number) for number in answer.get("pose_in_keyframe", "").split()])
    return se3.from_quaternion_translation(numbers[3:], numbers[:3]) if len(numbers) else np.full((4, 4), np.nan)


def _stacked(transforms: list[Array]) -> Array:
    return np.stack(transforms) if transforms else np.zeros((0, 4, 4))
