"""Odometry and the direction of gravity, from topics and TF, as inputs of a node."""

from __future__ import annotations

import numpy as np
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Imu

from isometry.arrays import Array
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.gravity import GravityFilter
from isometry.nodes.runtime.lifecycle_node import PerceptionNode
from isometry.nodes.runtime.node_parameters import MapParameters, OdometryInputParameters
from isometry.nodes.runtime.quality_of_service import overridable, sensor_data
from isometry.nodes.runtime.transforms import Transform, TransformBuffer

DEPTH = 50
"""Messages kept for a busy executor: half a second at 100 Hz."""
ODOMETRY = "the odometry's frame"
"""Its name in the buffer: a scan may wait there before the first message has brought the true one."""


class OdometryTopic:
    """Odometry from nav_msgs/Odometry. `frame` is the frame that its messages name."""

    def __init__(self, node: PerceptionNode[OdometryInputParameters], topic: str) -> None:
        self._base_frame, self._timeout_s = node.own.base_frame, node.own.transform_timeout
        self._buffer, self.frame = TransformBuffer(), ""
        self._problem = ""  # why its messages cannot be used
        self._subscription = node.subscribe(Odometry, topic, self._receive, sensor_data(DEPTH), overridable())

    def lookup(self, stamp_ns: int) -> Transform:
        """T_odom_base at a time. Raises TransformError, and ValueError when the messages are of another frame."""
        if self._problem:
            raise ValueError(self._problem)
        return self._buffer.wait(ODOMETRY, self._base_frame, stamp_ns, self._timeout_s)

    def _receive(self, message: Odometry) -> None:
        topic, child = self._subscription.topic_name, message.child_frame_id or self._base_frame
        try:
            if child != self._base_frame:
                raise ValueError(f"{topic} moves the frame {child!r}, but base_frame is {self._base_frame!r}")
            T_odom_base = messages.from_pose(message.pose.pose)
            stamp_ns = messages.stamp_ns(message.header.stamp)
            self._buffer.insert(ODOMETRY, child, T_odom_base, stamp_ns)
        except ValueError as error:
            self._problem = f"odometry cannot be used: {error}"
            return
        self.frame, self._problem = message.header.frame_id, ""


class OdometryTransforms:
    """Odometry from TF, with the interface of `OdometryTopic`."""

    def __init__(self, node: PerceptionNode[OdometryInputParameters]) -> None:
        self._transforms, self.frame = node.transforms, node.own.odom_frame
        self._base_frame, self._timeout_s = node.own.base_frame, node.own.transform_timeout

    def lookup(self, stamp_ns: int) -> Transform:
        """T_odom_base at a time. Raises TransformError."""
        return self._transforms.wait(self.frame, self._base_frame, stamp_ns, self._timeout_s)


OdometryInput = OdometryTopic | OdometryTransforms


def odometry_input(node: PerceptionNode[OdometryInputParameters]) -> OdometryInput | None:
    """The input that the parameter `odometry` names: tf, topic (nav_msgs/Odometry on odom), or none."""
    if node.own.odometry == "topic":
        return OdometryTopic(node, "odom")
    return OdometryTransforms(node) if node.own.odometry == "tf" else None


class GravityInput:
    """The direction of up in the base frame from sensor_msgs/Imu and the IMU's place in the transform tree."""

    def __init__(self, node: PerceptionNode[MapParameters], topic: str) -> None:
        self._base_frame, self._transforms = node.own.base_frame, node.transforms
        self._filter, self._frame = GravityFilter(node.own.gravity_time_constant), ""
        self._topic = node.subscribe(Imu, topic, self._receive, sensor_data(DEPTH), overridable()).topic_name

    def up(self, stamp_ns: int) -> Array | None:
        """Unit vector (3,), or None while no IMU message arrives.

        Raises TransformError when its frame is not known, and ValueError when its messages are not in m/s2.
        """
        try:
            up = self._filter.up(stamp_ns)
        except ValueError as error:
            raise ValueError(f"{self._topic}: {error}") from error
        if up is None:
            return None
        R_base_imu = self._transforms.lookup(self._base_frame, self._frame, stamp_ns)[:3, :3]
        up_in_base: Array = R_base_imu @ up
        return up_in_base

    def _receive(self, message: Imu) -> None:
        self._frame = message.header.frame_id or self._base_frame
        force, turn = message.linear_acceleration, message.orientation
        quaternion = np.array([turn.x, turn.y, turn.z, turn.w])
        # -1 means "no orientation"; drivers that never set the field leave the quaternion as identity, covariance 0
        has_orientation = message.orientation_covariance[0] > 0.0 or abs(quaternion[:3]).max() > 0.0
        unknown = message.orientation_covariance[0] < 0.0 or not has_orientation
        acceleration = np.array([force.x, force.y, force.z])
        stamp_ns = messages.stamp_ns(message.header.stamp)
        self._filter.update(stamp_ns, acceleration, None if unknown else quaternion)


def gravity_input(node: PerceptionNode[MapParameters]) -> GravityInput | None:
    """The input that the parameter `gravity` names: imu (sensor_msgs/Imu on imu), or none."""
    return GravityInput(node, "imu") if node.own.gravity == "imu" else None
