"""Parameters of the place-recognition node that are not of the method."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.nodes.runtime.parameters import check_choices
from isometry.parameters import parameter

CHOICES = {"odometry": ("tf", "topic"), "sensor_pose": ("tf", "identity"), "gravity": ("imu", "none")}


@dataclass(frozen=True)
class PlaceRecognitionNodeParameters:
    """Frames, inputs, files. Read when the node is configured; `memory_file` also at each service call."""

    autostart: bool = parameter(True, "configure and activate at the start, without a lifecycle manager")
    map_frame: str = parameter("map", "frame of the map")
    odom_frame: str = parameter("odom", "frame of the odometry (with odometry = topic: taken from the messages)")
    base_frame: str = parameter("base_link", "frame of the robot")
    odometry: str = parameter("tf", "tf: odom_frame -> base_frame from TF; topic: nav_msgs/Odometry on odom")
    sensor_pose: str = parameter("tf", "tf: base_frame -> frame of the points from TF; identity: they are the same")
    gravity: str = parameter("imu", "imu: up from sensor_msgs/Imu on imu while it arrives; none: up is the base's z")
    gravity_time_constant: float = parameter(1.0, "seconds over which accelerations are averaged", 0.01, 60.0)
    transform_timeout: float = parameter(0.2, "seconds to wait for a transform of a scan's stamp", 0.0, 5.0)
    publish_tf: bool = parameter(True, "publish map_frame -> odom_frame on /tf")
    transform_tolerance: float = parameter(0.0, "seconds that map -> odom is dated after the scan", 0.0, 10.0)
    memory_file: str = parameter("", "file of the place memory: loaded when it exists, written by ~/save")
    autosave: bool = parameter(False, "mapping: every keyframe goes durably into memory_file at once")
    model_file: str = parameter("", "model (.onnx); empty: the one that comes with the package")
    threads: int = parameter(1, "threads of the network", 1, 64)
    provider: str = parameter("CPUExecutionProvider", "execution provider of onnxruntime asked for")

    def check_choices(self) -> None:
        """Raise ValueError naming the first parameter that is none of its choices."""
        check_choices(self, CHOICES)
