"""LiDAR odometry as a lifecycle node: points in; odometry, and odom -> base_link on TF, out; `~/reset` begins again."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
from nav_msgs.msg import Odometry
from sensor_msgs.msg import PointCloud2

from isometry.lidar_odometry.parameters import LidarOdometryParameters
from isometry.lidar_odometry.pipeline import LidarOdometry, OdometryStep
from isometry.nodes.lidar_odometry.parameters import LidarOdometryNodeParameters
from isometry.nodes.runtime import messages, parameters
from isometry.nodes.runtime.diagnostics import State
from isometry.nodes.runtime.lifecycle_node import PerceptionNode, run
from isometry.nodes.runtime.quality_of_service import reliable
from isometry.sensing.point_cloud2 import decode_xyz
from isometry.sensing.point_times import decode_xyz_and_offsets

PARAMETERS = (("", LidarOdometryNodeParameters), ("", LidarOdometryParameters))


class LidarOdometryNode(PerceptionNode[LidarOdometryNodeParameters]):
    """Brings messages to `LidarOdometry`, which is the method, and publishes its results.

    When stamps run backwards by more than a second (a bag that loops) odometry starts again: the base at that scan is
    the new odom frame. Where surfaces leave a direction free, as along a tunnel, the state is `unconstrained`.
    """

    def __init__(self) -> None:
        super().__init__("lidar_odometry", LidarOdometryNodeParameters, PARAMETERS)
        self._last: OdometryStep | None = None

    def configure(self) -> None:
        """Advertise."""
        self._odometry = LidarOdometry(parameters.read(self, LidarOdometryParameters))
        self._misses = self._restarts = self._points_without_time = 0
        self._last = None
        self._publisher = self.advertise(Odometry, "odom", reliable())
        self._broadcaster = self.advertise_transforms() if self.own.publish_tf else None
        self.serve("reset", self._reset)

    def activate(self) -> None:
        """Subscribe."""
        self.subscribe_main_input(PointCloud2, "points")

    # One scan, on the worker's thread.
    def restart(self) -> None:
        """Begin a new odom frame."""
        self._odometry.reset()

    def _reset(self) -> str:
        self.restart()
        return "odometry starts again with the next scan, whose base is the new odom frame"

    def process(self, message: PointCloud2, stamp_ns: int) -> OdometryStep:
        """The motion of the base."""
        timed = self.own.deskew
        points, offsets_s, left_out = decode_xyz_and_offsets(message) if timed else (decode_xyz(message), None, 0)
        self._points_without_time += left_out
        in_base, T_base_sensor = self.sensors.in_base_frame(
            points.astype(np.float64), message.header.frame_id, stamp_ns
        )
        return self._odometry.process(in_base, stamp_ns, T_base_sensor[:3, 3], offsets_s)

    def publish(self, step: OdometryStep, stamp_ns: int) -> State:
        """Odometry, and odom -> base_link on TF."""
        own = self.own
        odometry = Odometry(child_frame_id=own.base_frame)
        odometry.header.frame_id, odometry.header.stamp = own.odom_frame, messages.to_stamp(stamp_ns)
        odometry.pose.pose = messages.to_pose(step.T_odom_base)
        odometry.pose.covariance = step.covariance.reshape(-1)
        linear, angular = odometry.twist.twist.linear, odometry.twist.twist.angular
        linear.x, linear.y, linear.z, angular.x, angular.y, angular.z = step.twist.tolist()
        odometry.twist.covariance = step.twist_covariance.reshape(-1)
        self._publisher.publish(odometry)
        if self._broadcaster is not None:
            self._broadcaster.send(step.T_odom_base, own.odom_frame, own.base_frame, stamp_ns)
        self.count_published(stamp_ns)
        self._last = step
        self._misses += not step.fits
        self._restarts += step.restarted
        if not step.fits:
            least = self._odometry.parameters.least_overlap
            return State("lost", f"{step.overlap:.0%} of the scan fit the scans before it, fewer than {least:.0%}")
        if step.unheld:
            return State("unconstrained", f"no surface holds {', '.join(step.unheld)} of {own.base_frame}")
        return State()

    # Diagnostics.
    def diagnose(self) -> tuple[State, Mapping[str, object]]:
        """How well scans fit."""
        if self._last is None:
            return State(), {}
        figures = {
            "overlap": float(self._last.overlap),
            "speed_mps": float(np.linalg.norm(self._last.twist[:3])),
            "unconstrained": ", ".join(self._last.unheld) or "none",
            "did_not_fit": self._misses,
            "local_maps_begun": self._restarts,
            "points_without_time": self._points_without_time,
        }
        return State(), figures


def main() -> int:
    """Entry point `lidar_odometry_node`."""
    return run(LidarOdometryNode)


if __name__ == "__main__":
    sys.exit(main())
