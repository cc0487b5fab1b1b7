"""Collects what an object pose node publishes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rclpy.node import Node
from vision_msgs.msg import Detection3DArray

from isometry.evaluation.replay.recording import ObjectPoseRecording
from isometry.nodes.replay.player import Played
from isometry.nodes.replay.recorder import NodeRecorder
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.quality_of_service import reliable


class ObjectPoseRecorder(NodeRecorder[Detection3DArray]):
    """Records `objects`."""

    ANSWER_TIMEOUT_S = 60.0  # an image may show many objects

    def __init__(self, node: Node, frames: tuple[str, str]) -> None:
        super().__init__(node, ObjectPoseRecording.node, frames)
        self.subscriptions = [node.create_subscription(Detection3DArray, "objects", self._receive, reliable(1000))]

    def recording(self, played: Sequence[Played], shift_ns: int) -> ObjectPoseRecording:
        """What was published, with stamps as in the bag."""
        with self.changed:
            answers, common = self.common_fields(played, shift_ns)
            found = [detection for answer in answers for detection in answer.detections]
            first = [detection.results[0] for detection in found]
            return ObjectPoseRecording(
                **common,
                answers=np.repeat(np.arange(len(answers)), [len(answer.detections) for answer in answers]),
                names=np.array([detection.id for detection in found], dtype=str),
                confidences=np.array([result.hypothesis.score for result in first], dtype=np.float64),
                modes=np.array([len(detection.results) for detection in found], dtype=np.int64),
                T_frame_object=np.array([messages.from_pose(result.pose.pose) for result in first]).reshape(-1, 4, 4),
                covariances=np.array([result.pose.covariance for result in first]).reshape(-1, 6, 6),
                frame=np.array(answers[0].header.frame_id if answers else ""),
            )

    def _receive(self, message: Detection3DArray) -> None:
        self.answered(messages.stamp_ns(message.header.stamp), message)
