"""Parameters of the LiDAR-odometry node that are not of the method."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.nodes.runtime.parameters import check_choices
from isometry.parameters import parameter


@dataclass(frozen=True)
class LidarOdometryNodeParameters:
    """Frames and inputs. Read when the node is configured."""

    autostart: bool = parameter(True, "configure and activate at the start, without a lifecycle manager")
    odom_frame: str = parameter("odom", "frame of the odometry: the base at the first scan")
    base_frame: str = parameter("base_link", "frame of the robot")
    sensor_pose: str = parameter("tf", "tf: base_frame -> frame of the points from TF; identity: they are the same")
    transform_timeout: float = parameter(0.2, "seconds to wait for a transform of a scan's stamp", 0.0, 5.0)
    publish_tf: bool = parameter(True, "publish odom_frame -> base_frame on /tf")
    deskew: bool = parameter(True, "use the time of each reading, where the points have a field of it")

    def check_choices(self) -> None:
        """Raise ValueError naming the first parameter that is none of its choices."""
        check_choices(self, {"sensor_pose": ("tf", "identity")})
