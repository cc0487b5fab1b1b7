"""Parameters of the LiDAR-odometry node that are not of the method."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.nodes.runtime.node_parameters import NodeParameters
from isometry.parameters import parameter


@dataclass(frozen=True)
class LidarOdometryNodeParameters(NodeParameters):
    """Frames and inputs. Read when the node is configured."""

    odom_frame: str = parameter("odom", "frame of the odometry: the base at the first scan")
    publish_tf: bool = parameter(True, "publish odom_frame -> base_frame on /tf")
    deskew: bool = parameter(True, "use the time of each reading, where the points have a field of it")
