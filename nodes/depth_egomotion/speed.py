"""The speed of a body, by wheels or another odometry, at the stamps of images: an input of the node."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

import numpy as np
from nav_msgs.msg import Odometry

from isometry.arrays import Array
from isometry.nodes.depth_egomotion.parameters import DepthEgomotionNodeParameters
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.lifecycle_node import PerceptionNode
from isometry.nodes.runtime.motion_inputs import DEPTH
from isometry.nodes.runtime.quality_of_service import overridable, sensor_data
from isometry.nodes.runtime.stamps import RESTART_NS

KEPT = 1000
"""Twists: ten seconds at 100 Hz."""
GAP_NS = 500_000_000
"""Between neighbouring messages, beyond which the speed between them is not known."""


class Speed(NamedTuple):
    """How fast a point of the body moves."""

    mps: float
    sigma_mps: float  # standard deviation


class SpeedInput:
    """Speeds out of the twists of nav_msgs/Odometry, straight between its messages and never beyond them."""

    def __init__(self, node: PerceptionNode[DepthEgomotionNodeParameters], topic: str) -> None:
        self._base_frame, self._timeout_s = node.own.base_frame, node.own.transform_timeout
        self._changed = threading.Condition()
        self._twists: deque[tuple[int, Array, Array]] = deque(maxlen=KEPT)  # stamp, (6,), covariance (3,3) of linear
        self._problem = ""  # why its messages cannot be used
        self._subscription = node.subscribe(Odometry, topic, self._receive, sensor_data(DEPTH), overridable())

    @property
    def topic(self) -> str:
        """Its full name."""
        return str(self._subscription.topic_name)

    def at(self, stamp_ns: int, arm: Array) -> Speed | None:
        """The speed of a point at `arm` (3,), metres in the body's frame; None where no messages are around the stamp.

        Waits for messages that are still on their way. Raises ValueError where messages cannot be used.
        """
        with self._changed:
            self._changed.wait_for(lambda: bool(self._twists) and self._twists[-1][0] >= stamp_ns, self._timeout_s)
            twists, problem = list(self._twists), self._problem
        if problem:
            raise ValueError(problem)
        after = int(np.searchsorted([stamp for stamp, *_ in twists], stamp_ns))
        if after == len(twists) or (after == 0 and twists[0][0] != stamp_ns):
            return None
        (start_ns, first, _), (end_ns, second, covariance) = twists[max(after - 1, 0)], twists[after]
        if end_ns - start_ns > GAP_NS:
            return None
        twist = first + (second - first) * ((stamp_ns - start_ns) / max(end_ns - start_ns, 1))
        velocity = twist[:3] + np.cross(twist[3:], arm)
        mps = float(np.linalg.norm(velocity))
        if mps == 0.0:
            return Speed(0.0, float(np.sqrt(np.linalg.eigvalsh(covariance)[-1])))
        return Speed(mps, float(np.sqrt(velocity @ covariance @ velocity) / mps))

    def _receive(self, message: Odometry) -> None:
        child = message.child_frame_id or self._base_frame
        linear, angular = message.twist.twist.linear, message.twist.twist.angular
        twist = np.array([linear.x, linear.y, linear.z, angular.x, angular.y, angular.z])
        covariance = np.array(message.twist.covariance).reshape(6, 6)[:3, :3]
        stamp_ns = messages.stamp_ns(message.header.stamp)
        with self._changed:
            if self._base_frame and child != self._base_frame:
                self._problem = f"{self.topic} moves the frame {child!r}, but base_frame is {self._base_frame!r}"
            elif not np.isfinite(twist).all() or not np.isfinite(covariance).all():
                self._problem = f"{self.topic}: a twist or its covariance is not finite"
            elif np.linalg.eigvalsh(covariance)[0] < -1e-9:
                self._problem = f"{self.topic}: the covariance of a twist has a negative variance"
            else:
                self._problem = ""
                if self._twists and stamp_ns < self._twists[-1][0] - RESTART_NS:
                    self._twists.clear()
                if not self._twists or stamp_ns > self._twists[-1][0]:
                    self._twists.append((stamp_ns, twist, covariance))
            self._changed.notify_all()
