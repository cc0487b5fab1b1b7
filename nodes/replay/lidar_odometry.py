"""Collects what LiDAR odometry publishes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from nav_msgs.msg import Odometry
from rclpy.node import Node

from isometry.evaluation.replay.recording import LidarOdometryRecording
from isometry.nodes.replay.player import Played
from isometry.nodes.replay.recorder import NodeRecorder
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.quality_of_service import reliable


class LidarOdometryRecorder(NodeRecorder[Odometry]):
    """Records `odom`."""

    def __init__(self, node: Node, frames: tuple[str, str]) -> None:
        super().__init__(node, LidarOdometryRecording.node, frames)
        self.subscriptions = [node.create_subscription(Odometry, "odom", self._receive, reliable(1000))]

    def recording(self, played: Sequence[Played], shift_ns: int) -> LidarOdometryRecording:
        """What was published, with stamps as in the bag."""
        with self.changed:
            answers, common = self.common_fields(played, shift_ns)
            return LidarOdometryRecording(
                **common,
                T_odom_base=np.array([messages.from_pose(answer.pose.pose) for answer in answers]).reshape(-1, 4, 4),
                covariances=np.array([answer.pose.covariance for answer in answers]).reshape(-1, 6, 6),
            )

    def _receive(self, message: Odometry) -> None:
        self.answered(messages.stamp_ns(message.header.stamp), message)
