"""Poses of known objects as a lifecycle node: colour, depth and detections in; TF and 3D detections out.

All outputs have the stamp of the image and are in its camera's frame, or in the one that `output_frame` names.

    objects      vision_msgs/Detection3DArray    each object with its modes and the covariance of the first
    /tf          <name>_<number>                 the mesh's frame of each object
    markers      visualization_msgs/MarkerArray  meshes and names for RViz
    overlay      sensor_msgs/Image               the image with the silhouettes of the objects
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray, Detection3DArray
from visualization_msgs.msg import MarkerArray

from isometry.datasets.mesh_file import read_mesh
from isometry.nodes.object_pose import messages as conversions
from isometry.nodes.object_pose.parameters import ObjectPoseNodeParameters
from isometry.nodes.runtime import messages, parameters
from isometry.nodes.runtime.diagnostics import State
from isometry.nodes.runtime.image_inputs import DEPTH, IMAGE, ImageInputs, ImageSet
from isometry.nodes.runtime.lifecycle_node import PerceptionNode, run
from isometry.nodes.runtime.quality_of_service import reliable
from isometry.nodes.runtime.transforms import Transform
from isometry.object_pose.estimators import EstimatorOfEach
from isometry.object_pose.library import KnownObject, load_library
from isometry.object_pose.overlay import drawn
from isometry.object_pose.parameters import ObjectPoseParameters
from isometry.object_pose.pipeline import ObjectPosePipeline, ObjectPoseStep
from isometry.object_pose.view import Found, view_of
from isometry.sensing.cameras import Camera
from isometry.sensing.images import decode_colour, decode_depth

PARAMETERS = (("", ObjectPoseNodeParameters), ("", ObjectPoseParameters))


class Answer(NamedTuple):
    """The result for one set, and the frames that it is in."""

    step: ObjectPoseStep
    frame: str  # of the poses
    camera_frame: str


class ObjectPoseNode(PerceptionNode[ObjectPoseNodeParameters]):
    """Brings messages to `ObjectPosePipeline`, which is the method, and publishes its results.

    Image, depth and detections are put together by their stamps; the newest complete set is worked on. What is wrong
    with an input is named in /diagnostics, and the node goes on:

    - an input that does not come, or whose stamps never meet those of the others: no_input, sync_starved
    - images that cannot be read, of another size than their camera_info, or in another unit: bad_input
    - a detection without a pose, each with its reason: no_pose, where no object of an image has one
    """

    def __init__(self) -> None:
        super().__init__("object_pose", ObjectPoseNodeParameters, PARAMETERS)
        self._pipeline: ObjectPosePipeline | None = None
        self._shown: conversions.Shown = frozenset()
        self._shown_frame = ""

    # Lifecycle.
    def configure(self) -> None:
        """Load the objects, which are prepared where they have not been, then advertise."""
        own = self.own
        self._names = own.names()

        def told(line: str) -> None:
            self.get_logger().info(line)

        library = load_library(Path(own.objects).expanduser(), read_mesh, told)
        if own.input == "none":
            _check_searchable(library, told)
        method = parameters.read(self, ObjectPoseParameters)
        self._pipeline = ObjectPosePipeline(library, EstimatorOfEach(), method)
        self._last: ObjectPoseStep | None = None
        self._reasons: Counter[str] = Counter()
        self._meshes = conversions.Meshes()
        self._objects = self.advertise(Detection3DArray, "objects", reliable())
        self._markers = self.advertise(MarkerArray, "markers", reliable())
        self._overlay = self.advertise(Image, "overlay", reliable(2))
        self._broadcaster = self.advertise_transforms() if own.publish_tf else None

    def cleanup(self) -> None:
        """Give back publishers and models; the markers that RViz shows are deleted."""
        if self._shown and self.context.ok():
            gone = conversions.deletions(Header(frame_id=self._shown_frame), self._shown)
            self._shown = frozenset()
            self._markers.publish(gone)
        super().cleanup()
        self._pipeline = None

    def activate(self) -> None:
        """Subscribe."""
        kinds = {"none": {}, "labels": {"labels": Image}, "detections": {"detections": Detection2DArray}}
        self._images = ImageInputs(self, {DEPTH: Image, **kinds[self.own.input]}, self.enqueue)

    def restart(self) -> None:
        """Objects of another time are others."""
        assert self._pipeline is not None
        self._pipeline.forget()

    def silence(self) -> State:
        """Which input does not come, or by how much their stamps miss each other."""
        return self._images.silence()

    # One set, on the worker's thread.
    def process(self, message: ImageSet, stamp_ns: int) -> Answer:
        """Find the poses of the objects."""
        assert self._pipeline is not None
        own = self.own
        camera = self._images.camera(message)
        colour = decode_colour(message.images[IMAGE])
        depth = decode_depth(message.images[DEPTH], own.depth_unit)
        depth_camera, T_colour_depth = self._images.depth_camera(message, camera, stamp_ns)
        view = view_of(colour, camera, depth, depth_camera, T_colour_depth)
        camera_frame = message.header.frame_id
        frame = {"camera": camera_frame, "base": own.base_frame, "odom": own.odom_frame}[own.output_frame]
        T_frame_camera = self._camera_pose(camera_frame, stamp_ns)
        found = self._found(message, camera)
        return Answer(self._pipeline.process(view, found, stamp_ns, T_frame_camera), frame, camera_frame)

    def _found(self, message: ImageSet, camera: Camera) -> list[Found] | None:
        """What a detector says; None where there is none."""
        assert self._pipeline is not None
        if self.own.input == "none":
            return None
        method, apart = self._pipeline.parameters, self.own.label_is == "class"
        most = method.most_detections
        if self.own.input == "detections":
            return conversions.from_detections(message.images["detections"], camera, self._names, most)
        fewest = method.fewest_pixels
        return conversions.from_labels(message.images["labels"], camera, self._names, apart, fewest, most)

    def _camera_pose(self, frame: str, stamp_ns: int) -> Transform:
        """The camera in the frame of the output (4,4). Raises TransformError."""
        own = self.own
        if own.output_frame == "camera":
            return np.eye(4)
        if own.output_frame == "base":
            return self.sensors.pose(frame, stamp_ns)
        return self.transforms.wait(own.odom_frame, frame, stamp_ns, own.transform_timeout)

    def publish(self, answer: Answer, stamp_ns: int) -> State:
        """Objects and their frames, and, where there are subscribers, markers and the overlay."""
        step = answer.step
        header = Header(frame_id=answer.frame, stamp=messages.to_stamp(stamp_ns))
        self._objects.publish(conversions.to_detections(step.objects, header))
        if self._broadcaster is not None:
            for located in step.objects:
                self._broadcaster.send(located.T_frame_object, header.frame_id, located.name, stamp_ns)
        if self._markers.get_subscription_count():
            markers, self._shown = self._meshes.markers(step, header, self._shown)
            self._shown_frame = header.frame_id
            self._markers.publish(markers)
        if self._overlay.get_subscription_count():
            shown = [(located.known.model, located.modes[0].T_camera_object) for located in step.objects]
            image = drawn(step.view.colour, step.view.camera.matrix, shown)
            of_camera = Header(frame_id=answer.camera_frame, stamp=header.stamp)
            self._overlay.publish(conversions.to_image(image, of_camera))
        self.count_published(stamp_ns)
        self._last = step
        self._reasons.update(reason for _, reason, _ in step.refused)
        if step.refused and not step.objects:
            return State("no_pose", _why(step))
        if self.own.input == "none" and not step.objects:
            return State("no_pose", "none of the known objects was found")
        return State()

    # Diagnostics.
    def diagnose(self) -> tuple[State, Mapping[str, object]]:
        """Which objects are known, which were found in the last image, and why others were not."""
        if self._pipeline is None:
            return State(), {}
        figures: dict[str, object] = {
            "estimator": self._pipeline.estimator.name,
            "known_objects": " ".join(self._pipeline.library),
            "refused_by_reason": ", ".join(f"{reason} {count}" for reason, count in sorted(self._reasons.items())),
        }
        if self._last is not None:
            figures |= {
                "objects": ", ".join(
                    f"{located.name} {located.pose.confidence:.2f} {located.pose.reason}"
                    for located in self._last.objects
                ),
                "refused_last": _why(self._last),
                **{f"{stage}_ms": seconds * 1e3 for stage, seconds in self._last.seconds.items()},
            }
        return State(), figures


def _check_searchable(library: Mapping[str, KnownObject], told: Callable[[str], None]) -> None:
    """Tell which objects are not looked for without a detector. Raises ValueError where these are all."""
    standing = [name for name, known in library.items() if known.model.upright is not None]
    if len(standing) == len(library):
        raise ValueError("input none: all known objects are placed by their outline (stands), which needs a detector")
    for name in standing:
        told(f"{name}: it is placed by its outline (stands), and not looked for without a detector")


def _why(step: ObjectPoseStep) -> str:
    """The reason of each detection without a pose."""
    return "; ".join(f"{name}: {reason}: {words}" for name, reason, words in step.refused)


def main() -> int:
    """Entry point `object_pose_node`."""
    return run(ObjectPoseNode)


if __name__ == "__main__":
    sys.exit(main())
