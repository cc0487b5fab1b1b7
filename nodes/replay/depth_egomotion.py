"""Collects what a depth and ego-motion node publishes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from nav_msgs.msg import Odometry, Path
from rclpy.node import Node

from isometry.evaluation.replay.recording import DepthEgomotionRecording
from isometry.nodes.replay.player import Played
from isometry.nodes.replay.recorder import NodeRecorder
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.quality_of_service import latched, reliable


class DepthEgomotionRecorder(NodeRecorder[Odometry]):
    """Records `odom` and `path`."""

    def __init__(self, node: Node, frames: tuple[str, str]) -> None:
        super().__init__(node, DepthEgomotionRecording.node, frames)
        self._path, self._newest_ns = Path(), 0
        self.subscriptions = [
            node.create_subscription(Odometry, "odom", self._receive, reliable(1000)),
            node.create_subscription(Path, "path", self._receive_path, latched()),
        ]

    def complete(self) -> bool:
        """Whether the keyframes are as new as the last answer."""
        return messages.stamp_ns(self._path.header.stamp) >= self._newest_ns

    def recording(self, played: Sequence[Played], shift_ns: int) -> DepthEgomotionRecording:
        """What was published, with stamps as in the bag."""
        with self.changed:
            answers, common = self.common_fields(played, shift_ns)
            keyframes = self._path.poses
            return DepthEgomotionRecording(
                **common,
                T_odom_base=np.array([messages.from_pose(answer.pose.pose) for answer in answers]).reshape(-1, 4, 4),
                covariances=np.array([answer.pose.covariance for answer in answers]).reshape(-1, 6, 6),
                keyframe_stamps_ns=np.array(
                    [messages.stamp_ns(pose.header.stamp) - shift_ns for pose in keyframes], dtype=np.int64
                ),
                T_map_keyframe=np.array([messages.from_pose(pose.pose) for pose in keyframes]).reshape(-1, 4, 4),
            )

    def _receive(self, message: Odometry) -> None:
        self._newest_ns = messages.stamp_ns(message.header.stamp)
        self.answered(self._newest_ns, message)

    def _receive_path(self, message: Path) -> None:
        with self.changed:
            self._path = message
            self.changed.notify_all()
