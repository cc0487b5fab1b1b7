"""Collects what relocalisation publishes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.node import Node

from isometry.evaluation.replay.recording import RelocalizationRecording
from isometry.nodes.replay.player import Played
from isometry.nodes.replay.recorder import NodeRecorder
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.quality_of_service import reliable


class RelocalizationRecorder(NodeRecorder[PoseWithCovarianceStamped]):
    """Records `pose`, and the confidences in the node's reports."""

    def __init__(self, node: Node, frames: tuple[str, str]) -> None:
        super().__init__(node, RelocalizationRecording.node, frames)
        self.subscriptions = [
            node.create_subscription(PoseWithCovarianceStamped, "pose", self._receive, reliable(1000))
        ]

    def recording(self, played: Sequence[Played], shift_ns: int) -> RelocalizationRecording:
        """What was published, with stamps as in the bag."""
        with self.changed:
            answers, common = self.common_fields(played, shift_ns)
            return RelocalizationRecording(
                **common,
                T_map_base=np.array([messages.from_pose(answer.pose.pose) for answer in answers]).reshape(-1, 4, 4),
                covariances=np.array([answer.pose.covariance for answer in answers]).reshape(-1, 6, 6),
                report_confidences=np.array([float(values.get("confidence", "nan")) for _, values in self.reports]),
            )

    def _receive(self, message: PoseWithCovarianceStamped) -> None:
        self.answered(messages.stamp_ns(message.header.stamp), message)
