"""Parameters of the tracking node that are not of the method."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.nodes.runtime.node_parameters import OdometryInputParameters, names_by_id
from isometry.parameters import parameter


@dataclass(frozen=True)
class TrackingNodeParameters(OdometryInputParameters):
    """Frames and inputs. Read when the node is configured."""

    input: str = parameter(
        "points",
        "points: sensor_msgs/PointCloud2 on points; detections: vision_msgs/Detection3DArray on detections",
        choices=("points", "detections"),
    )
    odom_frame: str = parameter("odom", "frame of the tracks (with odometry = topic: taken from the messages)")
    odometry: str = parameter(
        "tf",
        "tf: odom_frame -> base_frame; topic: nav_msgs/Odometry on odom; none: estimated from the points; "
        "detections are tracked in base_frame",
        choices=("tf", "topic", "none"),
    )
    sensor_pose: str = parameter(
        "tf", "tf: base_frame -> frame of the input from TF; identity: they are the same", choices=("tf", "identity")
    )
    transform_timeout: float = parameter(0.2, "seconds to wait for a transform of an input's stamp", 0.0, 5.0)
    publish_tf: bool = parameter(False, "with points and odometry = none: publish odom_frame -> base_frame on /tf")
    deskew: bool = parameter(
        True, "with odometry = none: use the time of each reading, where the points have a field of it"
    )
    class_names: str = parameter(
        "", "names of the class ids of detections, as 0=car,1=pedestrian,2=cyclist; other ids are used as names"
    )
    least_confidence: float = parameter(0.5, "tracks with less confidence are tracked but not published", 0.0, 1.0)
    path_step: float = parameter(0.5, "seconds between the published positions of a predicted path", 0.1, 3.0)

    def names(self) -> dict[str, str]:
        """Class names by class id. Raises ValueError for what is not id=name, with commas between."""
        return names_by_id("class_names", self.class_names)
