"""Parameters of the tracking node that are not of the method."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.nodes.runtime.parameters import check_choices
from isometry.parameters import parameter

CHOICES = {
    "input": ("points", "detections"),
    "odometry": ("tf", "topic", "none"),
    "sensor_pose": ("tf", "identity"),
}


@dataclass(frozen=True)
class TrackingNodeParameters:
    """Frames and inputs. Read when the node is configured."""

    autostart: bool = parameter(True, "configure and activate at the start, without a lifecycle manager")
    input: str = parameter(
        "points",
        "points: sensor_msgs/PointCloud2 on points; detections: vision_msgs/Detection3DArray on detections",
    )
    odom_frame: str = parameter("odom", "frame of the tracks (with odometry = topic: taken from the messages)")
    base_frame: str = parameter("base_link", "frame of the robot")
    odometry: str = parameter(
        "tf",
        "tf: odom_frame -> base_frame; topic: nav_msgs/Odometry on odom; none: followed in the points, and detections "
        "are tracked as seen from base_frame",
    )
    sensor_pose: str = parameter("tf", "tf: base_frame -> frame of the input from TF; identity: they are the same")
    transform_timeout: float = parameter(0.2, "seconds to wait for a transform of an input's stamp", 0.0, 5.0)
    publish_tf: bool = parameter(False, "with points and odometry = none: publish odom_frame -> base_frame on /tf")
    deskew: bool = parameter(
        True, "with odometry = none: use the time of each reading, where the points have a field of it"
    )
    class_names: str = parameter(
        "", "what class ids of detections mean, as 0=car,1=pedestrian,2=cyclist; others are names as they are"
    )
    least_confidence: float = parameter(0.5, "tracks that are less sure are followed and not published", 0.0, 1.0)
    path_step: float = parameter(0.5, "seconds between the published positions of a predicted path", 0.1, 3.0)

    def check_choices(self) -> None:
        """Raise ValueError naming the first parameter that is none of its choices."""
        check_choices(self, CHOICES)
        self.names()

    def names(self) -> dict[str, str]:
        """Class names by class id. Raises ValueError for what is not id=name, with commas between."""
        pairs = [pair.split("=") for pair in self.class_names.split(",") if pair.strip()]
        for pair in pairs:
            if len(pair) != 2 or not all(part.strip() for part in pair):
                raise ValueError(f"parameter class_names = {self.class_names!r}: write id=name, with commas between")
        return {number.strip(): name.strip() for number, name in pairs}
