"""Parameters of the relocalisation node that are not of the method."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.nodes.runtime.parameters import check_choices
from isometry.parameters import parameter

CHOICES = {"odometry": ("tf", "topic", "none"), "sensor_pose": ("tf", "identity"), "gravity": ("imu", "none")}


@dataclass(frozen=True)
class RelocalizationNodeParameters:
    """Frames, inputs, files. Read when the node is configured."""

    autostart: bool = parameter(True, "configure and activate at the start, without a lifecycle manager")
    map_frame: str = parameter("map", "frame of the map")
    odom_frame: str = parameter("odom", "frame of the odometry (with odometry = topic: taken from the messages)")
    base_frame: str = parameter("base_link", "frame of the robot")
    odometry: str = parameter(
        "tf",
        "tf: odom_frame -> base_frame; topic: nav_msgs/Odometry on odom; none: followed in the points",
    )
    sensor_pose: str = parameter("tf", "tf: base_frame -> frame of the points from TF; identity: they are the same")
    gravity: str = parameter("imu", "imu: up from sensor_msgs/Imu on imu while it arrives; none: not known")
    gravity_time_constant: float = parameter(1.0, "seconds over which accelerations are averaged", 0.01, 60.0)
    transform_timeout: float = parameter(0.2, "seconds to wait for a transform of a scan's stamp", 0.0, 5.0)
    publish_tf: bool = parameter(True, "publish map_frame -> odom_frame on /tf while located")
    transform_tolerance: float = parameter(0.0, "seconds that map -> odom is dated after the scan", 0.0, 10.0)
    publish_initialpose: bool = parameter(False, "tell others on initialpose, each time the robot has been found")
    map_file: str = parameter("", "cloud that is the map: PCD, PLY, LAS, LAZ; this or memory_file")
    memory_file: str = parameter("", "place memory that is the map, as place recognition writes it")
    method: str = parameter("default", "source of hypotheses of the registration by its name; default: all")

    def check_choices(self) -> None:
        """Raise ValueError naming the first parameter that is none of its choices."""
        check_choices(self, CHOICES)
        if bool(self.map_file) == bool(self.memory_file):
            raise ValueError("one of the parameters map_file and memory_file must name a file, and one only")
