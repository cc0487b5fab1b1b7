"""Collects what a tracking node publishes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rclpy.node import Node
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3DArray

from isometry.arrays import Array
from isometry.evaluation.replay.recording import TrackingRecording
from isometry.nodes.replay.player import Played
from isometry.nodes.replay.recorder import NodeRecorder
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.quality_of_service import reliable
from isometry.nodes.tracking.messages import from_detections

UNKNOWN = np.full((4, 4), np.nan)


class TrackingRecorder(NodeRecorder[Detection3DArray]):
    """Records `tracks`, and on /tf the odometry that the node itself has estimated."""

    def __init__(self, node: Node, frames: tuple[str, str]) -> None:
        super().__init__(node, TrackingRecording.node, frames)
        self._T_odom_base: dict[int, Array] = {}  # by the shifted stamp
        self.subscriptions = [node.create_subscription(Detection3DArray, "tracks", self._receive, reliable(1000))]
        self._tf = node.create_subscription(TFMessage, "/tf", self._receive_transforms, reliable(1000))

    def recording(self, played: Sequence[Played], shift_ns: int) -> TrackingRecording:
        """What was published, with stamps as in the bag."""
        with self.changed:
            answers, common = self.common_fields(played, shift_ns)
            tracks = [track for answer in answers for track in answer.detections]
            rows = from_detections(Detection3DArray(detections=tracks), np.eye(4), {})
            return TrackingRecording(
                **common,
                answers=np.repeat(np.arange(len(answers)), [len(answer.detections) for answer in answers]),
                ids=np.array([int(track.id) for track in tracks], dtype=np.int64),
                labels=np.array(rows.labels, dtype=str),
                confidences=rows.scores,
                boxes=rows.boxes,
                frame=np.array(answers[0].header.frame_id if answers else ""),
                T_frame_base=np.array([self._robot(answer) for answer in answers]).reshape(-1, 4, 4),
            )

    def _robot(self, answer: Detection3DArray) -> Array:
        """T_frame_base (4,4) at an answer; NaN where it was not published for that very stamp."""
        frame, stamp_ns = answer.header.frame_id, messages.stamp_ns(answer.header.stamp)
        odom, base = self.frames
        if frame == base:
            return np.eye(4)
        return self._T_odom_base.get(stamp_ns, UNKNOWN) if frame == odom else UNKNOWN

    def _receive_transforms(self, message: TFMessage) -> None:
        with self.changed:
            for stamped in message.transforms:
                if (stamped.header.frame_id.lstrip("/"), stamped.child_frame_id.lstrip("/")) == self.frames:
                    stamp_ns = messages.stamp_ns(stamped.header.stamp)
                    self._T_odom_base[stamp_ns] = messages.from_transform(stamped.transform)

    def _receive(self, message: Detection3DArray) -> None:
        self.answered(messages.stamp_ns(message.header.stamp), message)
