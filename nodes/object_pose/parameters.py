"""Parameters of the object pose node that are not of the method."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.nodes.runtime.node_parameters import ImageParameters, names_by_id
from isometry.parameters import parameter


@dataclass(frozen=True)
class ObjectPoseNodeParameters(ImageParameters):
    """Inputs, frames and outputs. Read when the node is configured."""

    objects: str = parameter("objects", "folder of the meshes of known objects, each named as its object")
    input: str = parameter(
        "detections",
        "detections: boxes of vision_msgs/Detection2DArray on detections; labels: sensor_msgs/Image on labels; "
        "none: all known objects are looked for, which takes seconds for each",
        choices=("detections", "labels", "none"),
    )
    class_names: str = parameter(
        "", "names of objects by class id or label, as 1=mug,2=carton; other ids and labels are the names themselves"
    )
    label_is: str = parameter(
        "instance",
        "instance: each label is one object; class: each connected part of a label is one object",
        choices=("instance", "class"),
    )
    output_frame: str = parameter(
        "camera",
        "frame of the poses; camera: that of the image; base: base_frame; odom: odom_frame, in which objects keep "
        "their numbers while the camera moves",
        choices=("camera", "base", "odom"),
    )
    odom_frame: str = parameter("odom", "frame of the poses with output_frame = odom")
    base_frame: str = parameter("base_link", "frame of the poses with output_frame = base")
    sensor_pose: str = parameter(
        "tf", "tf: frames of the inputs from TF; identity: with output_frame = base, the image's frame is base_frame",
        choices=("tf", "identity"),
    )  # fmt: skip
    transform_timeout: float = parameter(0.2, "seconds to wait for a transform of an image's stamp", 0.0, 5.0)
    publish_tf: bool = parameter(True, "publish the frame of each object, <name>_<number>, on /tf")

    def names(self) -> dict[str, str]:
        """Object names by class id. Raises ValueError for what is not id=name, with commas between."""
        return names_by_id("class_names", self.class_names)

    def check(self) -> None:
        """Raise ValueError for class names of labels that are no numbers."""
        for label in self.names() if self.input == "labels" else ():
            if not label.isdecimal():
                raise ValueError(f"parameter class_names: the label {label!r} must be a whole number")
