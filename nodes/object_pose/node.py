"""Poses of known objects as a lifecycle node: colour, depth and detections in; TF and 3D detections out.

All outputs have the stamp of the image and are in its camera's frame, or in the one that `output_frame` names.

    objects      vision_msgs/Detection3DArray    each object with its modes and the covariance of the first
    /tf          <name>_<number>                 the mesh's frame of each object
    markers      visualization_msgs/MarkerArray  meshes and names for RViz
    overlay      sensor_msgs/Image               the image with the silhouettes of the objects
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray, Detection3DArray
from visualization_msgs.msg import MarkerArray

from isometry.datasets.mesh_file import read_mesh
from isometry.nodes.object_pose import messages as conversions
from isometry.nodes.object_pose.parameters import ObjectPoseNodeParameters
from isometry.nodes.runtime import messages, parameters
from isometry.nodes.runtime.diagnostics import State
from isometry.nodes.runtime.graph import why_silent
from isometry.nodes.runtime.lifecycle_node import SILENT_S, PerceptionNode, run
from isometry.nodes.runtime.quality_of_service import overridable, reliable, sensor_data
from isometry.nodes.runtime.synchronizer import StampSynchronizer
from isometry.nodes.runtime.transforms import Transform
from isometry.object_pose.estimators import EstimatorOfEach
from isometry.object_pose.library import KnownObject, load_library
from isometry.object_pose.overlay import drawn
from isometry.object_pose.parameters import ObjectPoseParameters
from isometry.object_pose.pipeline import ObjectPosePipeline, ObjectPoseStep
from isometry.object_pose.view import Found, view_of
from isometry.sensing.cameras import Camera, camera_of
from isometry.sensing.images import decode_colour, decode_depth

PARAMETERS = (("", ObjectPoseNodeParameters), ("", ObjectPoseParameters))
IMAGE, DEPTH = "image", "depth"
CAMERA, DEPTH_CAMERA = "camera_info", "depth_camera_info"


class Frame(NamedTuple):
    """The messages of one moment."""

    header: Header  # of the image
    image: Image
    depth: Image
    detections: Any  # Detection2DArray, or Image of labels; None where there are none


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
        self._names_of_inputs = (IMAGE, DEPTH) if own.input == "none" else (IMAGE, DEPTH, own.input)
        self._last: ObjectPoseStep | None = None
        self._reasons: Counter[str] = Counter()
        self._meshes = conversions.Meshes()
        self._cameras: dict[str, Camera] = {}  # as last used, with what was computed of them
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
        own = self.own
        self._synchronizer = StampSynchronizer(self._names_of_inputs, round(own.sync_tolerance * 1e9), own.sync_queue)
        self._infos: dict[str, CameraInfo] = {}
        self._together: dict[str, Any] | None = None  # the newest set that waits for camera_info
        self._arrived_s: dict[str, float] = {}
        self._required: dict[str, Subscription] = {}
        for topic in self._names_of_inputs:
            kind = Detection2DArray if topic == "detections" else Image
            self._require(topic, kind, partial(self._receive, topic))
        self._info_topics = {CAMERA, DEPTH_CAMERA} if own.depth_registration == "auto" else {CAMERA}
        for topic in sorted(self._info_topics):
            self._require(topic, CameraInfo, partial(self._receive_info, topic))

    def _require(self, topic: str, kind: type, receive: Callable[[Any], None]) -> None:
        self._required[topic] = self.subscribe(kind, topic, receive, sensor_data(), overridable())

    def restart(self) -> None:
        """Objects of another time are others."""
        assert self._pipeline is not None
        self._pipeline.forget()

    # Messages, on the executor's thread.
    def _receive_info(self, topic: str, message: CameraInfo) -> None:
        self._arrived_s[topic] = time.monotonic()
        self._infos[topic] = message
        self._enqueue_complete()

    def _receive(self, topic: str, message: Any) -> None:
        self._arrived_s[topic] = time.monotonic()
        together = self._synchronizer.put(topic, messages.stamp_ns(message.header.stamp), message)
        if together is not None:
            self._together = together
            self._enqueue_complete()

    def _enqueue_complete(self) -> None:
        """Hand on the newest set once all camera_info are there: these may come after the first images."""
        if self._together is not None and self._infos.keys() >= self._info_topics:
            image, depth, *detections = (self._together[name] for name in self._names_of_inputs)
            self._together = None
            self.enqueue(Frame(image.header, image, depth, detections[0] if detections else None))

    def silence(self) -> State:
        """Which input does not come; else by how much their stamps miss each other."""
        now_s = time.monotonic()
        # a camera_info may be sent once
        fresh = {
            topic
            for topic in self._required
            if topic in self._infos or now_s - self._arrived_s.get(topic, -np.inf) <= SILENT_S
        }
        missing = [why_silent(self, self._required[topic]) for topic in self._required if topic not in fresh]
        if missing:
            return State("no_input", "; ".join(missing))
        gaps = [
            f"{name} is {gap:.3g} s from the nearest image"
            for name, gap in self._synchronizer.gaps().items()
            if gap is not None and gap > self.own.sync_tolerance
        ]
        return State("sync_starved", "; ".join(gaps) or "no image has both depth and detections")

    # One set, on the worker's thread.
    def process(self, message: Frame, stamp_ns: int) -> Answer:
        """Find the poses of the objects."""
        assert self._pipeline is not None
        own = self.own
        camera = self._camera(CAMERA)
        colour = decode_colour(message.image)
        depth = decode_depth(message.depth, own.depth_unit)
        depth_camera, T_colour_depth = self._depth_camera(camera, message, stamp_ns)
        view = view_of(colour, camera, depth, depth_camera, T_colour_depth)
        camera_frame = message.header.frame_id
        frame = {"camera": camera_frame, "base": own.base_frame, "odom": own.odom_frame}[own.output_frame]
        T_frame_camera = self._camera_pose(camera_frame, stamp_ns)
        found = self._found(message, camera)
        return Answer(self._pipeline.process(view, found, stamp_ns, T_frame_camera), frame, camera_frame)

    def _found(self, message: Frame, camera: Camera) -> list[Found] | None:
        """What a detector says; None where there is none."""
        assert self._pipeline is not None
        if self.own.input == "none":
            return None
        method, apart = self._pipeline.parameters, self.own.label_is == "class"
        most = method.most_detections
        if self.own.input == "detections":
            return conversions.from_detections(message.detections, camera, self._names, most)
        fewest = method.fewest_pixels
        return conversions.from_labels(message.detections, camera, self._names, apart, fewest, most)

    def _camera(self, topic: str) -> Camera:
        """The camera of the last camera_info: the one before, where it has not changed, as it knows its distortion."""
        try:
            camera = camera_of(self._infos[topic], self.own.rectified)
        except ValueError as error:
            raise ValueError(f"{self._required[topic].topic_name}: {error}") from error
        before = self._cameras.get(topic)
        if before is None or not before.same_as(camera):
            before = self._cameras[topic] = camera
        return before

    def _depth_camera(self, camera: Camera, message: Frame, stamp_ns: int) -> tuple[Camera | None, Transform]:
        """The camera of the depth and T_colour_depth (4,4); None where it is the colour's. Raises TransformError."""
        if self.own.depth_registration == "none":
            return None, np.eye(4)
        depth_camera = self._camera(DEPTH_CAMERA)
        frames = message.image.header.frame_id, message.depth.header.frame_id
        if frames[0] == frames[1]:
            return (None if depth_camera.same_as(camera) else depth_camera), np.eye(4)
        return depth_camera, self.transforms.wait(*frames, stamp_ns, self.own.transform_timeout)

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
