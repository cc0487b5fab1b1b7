"""Collects what a tracking node publishes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rclpy.node import Node
from vision_msgs.msg import Detection3DArray

from isometry.evaluation.replay.recording import TrackingRecording
from isometry.nodes.replay.player import Played
from isometry.nodes.replay.recorder import NodeRecorder
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.quality_of_service import reliable
from isometry.nodes.tracking.messages import from_detections


class TrackingRecorder(NodeRecorder[Detection3DArray]):
    """Records `tracks`."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, TrackingRecording.node)
        self.subscriptions = [node.create_subscription(Detection3DArray, "tracks", self._receive, reliable(1000))]

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
            )

    def _receive(self, message: Detection3DArray) -> None:
        self.answered(messages.stamp_ns(message.header.stamp), message)
