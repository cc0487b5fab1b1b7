"""Odometry and gravity out of topics and TF, for nodes that need to know how the robot moves and which way is up."""

from __future__ import annotations

import numpy as np
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import Imu

from isometry.nodes.runtime import messages
from isometry.nodes.runtime.gravity import GravityFilter
from isometry.nodes.runtime.quality_of_service import overridable, sensor_data
from isometry.nodes.runtime.transforms import Transform, TransformBuffer

DEPTH = 50
"""Messages kept for a busy executor: half a second at 100 Hz."""
ODOMETRY = "the odometry's frame"
"""Stands for it in the buffer, where a scan may wait before the first message has told its name."""


class OdometryInput:
    """nav_msgs/Odometry by time. `frame` is its frame as it says, `problem` why its messages are of no use."""

    def __init__(self, node: Node, topic: str, base_frame: str) -> None:
        self._buffer, self.frame, self.problem = TransformBuffer(), "", ""
        self._node, self._base_frame = node, base_frame
        self._subscription = node.create_subscription(
            Odometry, topic, self._receive, sensor_data(DEPTH), qos_overriding_options=overridable()
        )

    def close(self) -> None:
        """Stop listening."""
        self._node.destroy_subscription(self._subscription)

    def lookup(self, stamp_ns: int, timeout_s: float) -> Transform:
        """T_odom_base at a time. Raises TransformError, ValueError when the messages are of another frame."""
        if self.problem:
            raise ValueError(self.problem)
        return self._buffer.wait(ODOMETRY, self._base_frame, stamp_ns, timeout_s)

    def _receive(self, message: Odometry) -> None:
        topic, child = self._subscription.topic_name, message.child_frame_id or self._base_frame
        try:
            if child != self._base_frame:
                raise ValueError(f"{topic} moves the frame {child!r}, but base_frame is {self._base_frame!r}")
            T_odom_base = messages.from_pose(message.pose.pose)
            stamp_ns = messages.stamp_ns(message.header.stamp)
            self._buffer.insert(ODOMETRY, child, T_odom_base, stamp_ns)
        except ValueError as error:
            self.problem = f"odometry cannot be used: {error}"
            return
        self.frame, self.problem = message.header.frame_id, ""


class OdometryTransforms:
    """Odometry as TF knows it, asked for in the same way as `OdometryInput`."""

    def __init__(self, transforms: TransformBuffer, odom_frame: str, base_frame: str) -> None:
        self._transforms, self.frame, self._base_frame = transforms, odom_frame, base_frame

    def close(self) -> None:
        """Nothing to give back: the buffer is the node's."""

    def lookup(self, stamp_ns: int, timeout_s: float) -> Transform:
        """T_odom_base at a time. Raises TransformError."""
        return self._transforms.wait(self.frame, self._base_frame, stamp_ns, timeout_s)


def odometry_input(
    node: Node, source: str, transforms: TransformBuffer, odom_frame: str, base_frame: str
) -> OdometryInput | OdometryTransforms | None:
    """What a node's parameter `odometry` asks for: tf, topic (nav_msgs/Odometry on odom), or none."""
    if source == "topic":
        return OdometryInput(node, "odom", base_frame)
    return OdometryTransforms(transforms, odom_frame, base_frame) if source == "tf" else None


class GravityInput:
    """The direction of up in the base frame from sensor_msgs/Imu and the IMU's place in the transform tree."""

    def __init__(
        self, node: Node, topic: str, base_frame: str, transforms: TransformBuffer, time_constant_s: float
    ) -> None:
        self._node, self._base_frame, self._transforms = node, base_frame, transforms
        self._filter, self._frame = GravityFilter(time_constant_s), ""
        self._subscription = node.create_subscription(
            Imu, topic, self._receive, sensor_data(DEPTH), qos_overriding_options=overridable()
        )

    def close(self) -> None:
        """Stop listening."""
        self._node.destroy_subscription(self._subscription)

    def up(self, stamp_ns: int) -> NDArray[np.float64] | None:
        """Unit vector (3,), or None while no IMU is heard. Raises TransformError when its frame is not known."""
        up = self._filter.up(stamp_ns)
        if up is None:
            return None
        R_base_imu = self._transforms.lookup(self._base_frame, self._frame, stamp_ns)[:3, :3]
        up_in_base: NDArray[np.float64] = R_base_imu @ up
        return up_in_base

    def _receive(self, message: Imu) -> None:
        self._frame = message.header.frame_id or self._base_frame
        force, turn = message.linear_acceleration, message.orientation
        quaternion = np.array([turn.x, turn.y, turn.z, turn.w])
        # -1 says "no orientation"; drivers that never set the field leave the quaternion as identity, covariance 0
        has_orientation = message.orientation_covariance[0] > 0.0 or abs(quaternion[:3]).max() > 0.0
        unknown = message.orientation_covariance[0] < 0.0 or not has_orientation
        acceleration = np.array([force.x, force.y, force.z])
        stamp_ns = messages.stamp_ns(message.header.stamp)
        self._filter.update(stamp_ns, acceleration, None if unknown else quaternion)
