"""Parameters of the place-recognition node that are not of the method."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.nodes.runtime.node_parameters import MapParameters
from isometry.parameters import parameter


@dataclass(frozen=True)
class PlaceRecognitionNodeParameters(MapParameters):
    """Frames, inputs, files. Read when the node is configured; `memory_file` also at each service call."""

    odometry: str = parameter(
        "tf", "tf: odom_frame -> base_frame from TF; topic: nav_msgs/Odometry on odom", choices=("tf", "topic")
    )
    gravity: str = parameter(
        "imu", "imu: up from sensor_msgs/Imu on imu while it arrives; none: up is the base's z", choices=("imu", "none")
    )
    memory_file: str = parameter("", "file of the place memory: loaded when it exists, written by ~/save")
    autosave: bool = parameter(False, "mapping: write every keyframe to memory_file at once")
    model_file: str = parameter("", "model (.onnx); empty: the one that comes with the package")
    threads: int = parameter(1, "threads of the network", 1, 64)
