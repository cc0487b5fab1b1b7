"""Parameters that several nodes have, as dataclasses to inherit from; without ROS."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter


@dataclass(frozen=True)
class NodeParameters:
    """Of every node: frames, and where its sensor is. Read when the node is configured."""

    autostart: bool = parameter(True, "configure and activate at the start, without a lifecycle manager")
    odom_frame: str = parameter("odom", "frame of the odometry (with odometry = topic: taken from the messages)")
    base_frame: str = parameter("base_link", "frame of the robot")
    sensor_pose: str = parameter(
        "tf", "tf: base_frame -> frame of the points from TF; identity: they are the same", choices=("tf", "identity")
    )
    transform_timeout: float = parameter(0.2, "seconds to wait for a transform of a scan's stamp", 0.0, 5.0)

    def check(self) -> None:
        """Raise ValueError naming parameters that do not fit together, beyond their types, ranges and choices."""


@dataclass(frozen=True)
class OdometryInputParameters(NodeParameters):
    """Of a node that needs odometry."""

    odometry: str = parameter(
        "tf",
        "tf: odom_frame -> base_frame; topic: nav_msgs/Odometry on odom; none: estimated from the points",
        choices=("tf", "topic", "none"),
    )


@dataclass(frozen=True)
class MapTransformParameters(NodeParameters):
    """Of a node that publishes where the odometry is in a map."""

    map_frame: str = parameter("map", "frame of the map")
    transform_rate: float = parameter(20.0, "Hz at which map -> odom is sent, dated with the present", 0.1, 200.0)
    transform_tolerance: float = parameter(0.0, "seconds by which map -> odom is dated ahead", 0.0, 10.0)


@dataclass(frozen=True)
class MapParameters(OdometryInputParameters, MapTransformParameters):
    """Of a node that locates the robot in a map."""

    gravity: str = parameter(
        "imu", "imu: up from sensor_msgs/Imu on imu while it arrives; none: not known", choices=("imu", "none")
    )
    gravity_time_constant: float = parameter(1.0, "seconds over which accelerations are averaged", 0.01, 60.0)
    publish_tf: bool = parameter(True, "publish map_frame -> odom_frame on /tf")


@dataclass(frozen=True)
class ImageParameters(NodeParameters):
    """Of a node whose inputs are images, with depth or without."""

    depth_unit: float = parameter(0.001, "metres of one unit of depth images of whole numbers", 1e-6, 1.0)
    depth_registration: str = parameter(
        "auto",
        "auto: depth is brought to the colour camera by TF and both camera_info, unless both are one camera; "
        "none: it is registered already, and depth_camera_info is not needed",
        choices=("auto", "none"),
    )
    rectified: bool = parameter(False, "images are free of distortion already: p of camera_info holds, and d does not")
    sync_tolerance: float = parameter(0.02, "seconds between stamps of inputs that belong together", 0.0, 1.0)
    sync_queue: int = parameter(30, "images that wait for what belongs to them", 2, 1000)


def names_by_id(parameter_name: str, value: str) -> dict[str, str]:
    """Names by class id of a parameter such as `0=car,1=cyclist`. Raises ValueError for anything else."""
    pairs = [pair.split("=") for pair in value.split(",") if pair.strip()]
    for pair in pairs:
        if len(pair) != 2 or not all(part.strip() for part in pair):
            raise ValueError(f"parameter {parameter_name} = {value!r}: write id=name, with commas between")
    return {number.strip(): name.strip() for number, name in pairs}
