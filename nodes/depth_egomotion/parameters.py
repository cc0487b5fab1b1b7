"""Parameters of the depth and ego-motion node that are not of the method."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from isometry.depth_egomotion.methods import METHODS
from isometry.nodes.runtime.node_parameters import ImageParameters, MapTransformParameters
from isometry.parameters import parameter

OF_MODE, SHIPPED = "auto", "shipped"


@dataclass(frozen=True)
class DepthEgomotionNodeParameters(ImageParameters, MapTransformParameters):
    """Inputs, frames and outputs. Read when the node is configured, but for map_file."""

    mode: str = parameter(
        "rgbd", "rgbd: depth and its camera_info are read too; mono: one camera alone", choices=("rgbd", "mono")
    )
    method: str = parameter(
        OF_MODE,
        "auto: that of the mode; gicp: the plain baseline, each depth image is aligned with the last keyframe",
        choices=(OF_MODE, *METHODS),
    )
    odom_frame: str = parameter("odom", "frame of the odometry: that of the body at the first image")
    base_frame: str = parameter(
        "base_link",
        "frame of the body that is followed; empty: the frame of the image itself, and odom has the axes forward, left "
        "and up of the camera at the first image",
    )
    sensor_pose: str = parameter(
        "tf",
        "tf: base_frame -> frame of the image from TF; identity: the camera is at base_frame, looking along x",
        choices=("tf", "identity"),
    )
    transform_timeout: float = parameter(0.2, "seconds to wait for a transform of an image's stamp", 0.0, 5.0)
    publish_tf: bool = parameter(True, "publish odom_frame -> base_frame (or frame of the image) on /tf")
    publish_map: bool = parameter(True, "publish map_frame -> odom_frame on /tf")
    known_map: str = parameter("", "file of ~/save_map: a map in which the camera is looked for; empty: a new map")
    map_file: str = parameter("", "file that ~/save_map writes the map of keyframes to; read at each use")

    depth_model: str = parameter(
        "",
        "with mode mono, the network (.onnx) whose depth is published; shipped: the one that comes with the package; "
        "empty: none",
    )
    scale_by_depth_model: bool = parameter(
        False, "with mode mono, the depth of depth_model is a source of scale, and the only one where nothing else is"
    )
    speed_input: str = parameter(
        "none",
        "with mode mono, a source of scale; odometry: twists of nav_msgs/Odometry on wheel_odometry; none: not used",
        choices=("none", "odometry"),
    )

    @property
    def depth_model_path(self) -> Path | None:
        """None: the model that comes with the package."""
        return None if self.depth_model == SHIPPED else Path(self.depth_model).expanduser()

    @property
    def method_name(self) -> str:
        """One of METHODS."""
        return self.mode if self.method == OF_MODE else self.method

    def check(self) -> None:
        """Raise ValueError for a method that needs depth where none is read, and for what has no effect in a mode."""
        if self.mode == "mono" and self.method_name != "mono":
            raise ValueError(f"parameter method = {self.method!r} needs depth: set mode to rgbd")
        if self.known_map and self.method_name != "rgbd":
            raise ValueError(f"parameter known_map: the method {self.method_name} keeps no map of keyframes")
        if self.mode == "rgbd" and (self.depth_model or self.speed_input != "none"):
            name = "depth_model" if self.depth_model else "speed_input"
            raise ValueError(f"parameter {name} is of mode mono: in mode rgbd depth is measured")
        if self.scale_by_depth_model and not self.depth_model:
            raise ValueError("parameter scale_by_depth_model: depth_model names no network")
