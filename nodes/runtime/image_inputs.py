"""Images, and what comes with them on topics of their own, as the inputs of a node; one set for each moment."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from isometry.nodes.runtime import messages
from isometry.nodes.runtime.diagnostics import State
from isometry.nodes.runtime.graph import why_silent
from isometry.nodes.runtime.lifecycle_node import SILENT_S, PerceptionNode
from isometry.nodes.runtime.node_parameters import ImageParameters
from isometry.nodes.runtime.quality_of_service import overridable, sensor_data
from isometry.nodes.runtime.synchronizer import StampSynchronizer
from isometry.nodes.runtime.transforms import Transform
from isometry.sensing.cameras import Camera, camera_of

IMAGE, DEPTH = "image", "depth"
CAMERA, DEPTH_CAMERA = "camera_info", "depth_camera_info"
CAMERAS = {CAMERA: IMAGE, DEPTH_CAMERA: DEPTH}
"""The topic of the images by that of their camera_info."""
FIELD_OF_VIEW = 0.05, 50.0
"""Focal lengths that a lens can have, in widths of the image: of 169 degrees, and of one."""


class ImageSet(NamedTuple):
    """The messages of one moment, by the names of their topics."""

    header: Header  # of the image
    images: dict[str, Any]  # and what else comes with a stamp, such as detections
    infos: dict[str, CameraInfo]


class ImageInputs:
    """Puts messages together by their stamps; the newest complete set is handed on once its camera_info is there.

    A camera_info may be sent once, or with each image: then the one of the image's own stamp counts, so that no image
    is taken for one of the camera before. A set that still waits for it when the next one is complete is left out.
    """

    def __init__(
        self,
        node: PerceptionNode[ImageParameters],
        kinds: Mapping[str, type],
        complete: Callable[[ImageSet], None],
    ) -> None:
        """Subscribes until the node is deactivated; `kinds` are types by topic beside `image`, which leads.

        `complete` is called on the executor's thread.
        """
        self._node, self._complete, own = node, complete, node.own
        named: dict[str, type] = {IMAGE: Image, **kinds}
        self._synchronizer = StampSynchronizer(list(named), round(own.sync_tolerance * 1e9), own.sync_queue)
        cameras = {CAMERA} | ({DEPTH_CAMERA} if DEPTH in named and own.depth_registration == "auto" else set())
        self._infos: dict[str, OrderedDict[int, CameraInfo]] = {topic: OrderedDict() for topic in sorted(cameras)}
        self._with_each_image: set[str] = set()  # the topics of camera_info that has come with the stamp of an image
        self._waiting: dict[str, Any] | None = None  # the newest set, while its camera_info is not there
        self._arrived_s: dict[str, float] = {}
        self._cameras: dict[str, Camera] = {}  # as last used, with what was computed of them
        self._subscriptions: dict[str, Subscription] = {}
        for topic, kind in named.items():
            self._subscribe(topic, kind, self._receive)
        for topic in self._infos:
            self._subscribe(topic, CameraInfo, self._receive_info)

    def _subscribe(self, topic: str, kind: type, receive: Callable[[str, Any], None]) -> None:
        received = partial(receive, topic)
        self._subscriptions[topic] = self._node.subscribe(kind, topic, received, sensor_data(), overridable())

    # Messages, on the executor's thread.
    def _receive_info(self, topic: str, message: CameraInfo) -> None:
        self._arrived_s[topic] = time.monotonic()
        known = self._infos[topic]
        stamp_ns = messages.stamp_ns(message.header.stamp)
        known[stamp_ns] = message
        known.move_to_end(stamp_ns)
        if len(known) > self._node.own.sync_queue:
            known.popitem(last=False)
        self._hand_on()

    def _receive(self, topic: str, message: Any) -> None:
        self._arrived_s[topic] = time.monotonic()
        together = self._synchronizer.put(topic, messages.stamp_ns(message.header.stamp), message)
        if together is not None:
            if self._waiting is not None:  # what it waited for is not coming with each image any more
                self._with_each_image.clear()
            self._waiting = together
            self._hand_on()

    def _hand_on(self) -> None:
        """Hand on the newest set once all camera_info are there: these may come after the first images."""
        if self._waiting is None or not all(self._infos.values()):
            return
        stamps_ns = {topic: messages.stamp_ns(self._waiting[CAMERAS[topic]].header.stamp) for topic in self._infos}
        own = {topic for topic, stamp_ns in stamps_ns.items() if stamp_ns in self._infos[topic]}
        if self._with_each_image - own:
            return
        self._with_each_image |= own
        infos = {
            topic: known[stamps_ns[topic]] if topic in own else next(reversed(known.values()))
            for topic, known in self._infos.items()
        }
        images, self._waiting = self._waiting, None
        self._complete(ImageSet(images[IMAGE].header, images, infos))

    def silence(self) -> State:
        """Which input does not come; else by how much their stamps miss each other."""
        now_s = time.monotonic()
        # a camera_info may be sent once
        fresh = {
            topic
            for topic in self._subscriptions
            if self._infos.get(topic) or now_s - self._arrived_s.get(topic, -np.inf) <= SILENT_S
        }
        missing = [why_silent(self._node, each) for topic, each in self._subscriptions.items() if topic not in fresh]
        if missing:
            return State("no_input", "; ".join(missing))
        gaps = [
            f"{name} is {gap:.3g} s from the nearest image"
            for name, gap in self._synchronizer.gaps().items()
            if gap is not None and gap > self._node.own.sync_tolerance
        ]
        others = " and ".join(self._synchronizer.gaps())
        return State("sync_starved", "; ".join(gaps) or f"no image has {others}")

    # One set, on the worker's thread.
    def camera(self, images: ImageSet, topic: str = CAMERA) -> Camera:
        """The camera of a set: the one before, where it has not changed, as it knows its distortion.

        Raises ValueError, in one line that names the topic, for a camera that cannot be.
        """
        try:
            camera = camera_of(images.infos[topic], self._node.own.rectified)
            _check_focal_length(camera)
        except ValueError as error:
            raise ValueError(f"{self._subscriptions[topic].topic_name}: {error}") from error
        before = self._cameras.get(topic)
        if before is None or not before.same_as(camera):
            before = self._cameras[topic] = camera
        return before

    def depth_camera(self, images: ImageSet, camera: Camera, stamp_ns: int) -> tuple[Camera | None, Transform]:
        """The camera of the depth and T_colour_depth (4,4); None where it is the colour's, which is `camera`.

        Raises ValueError as `camera` does, and TransformError.
        """
        own = self._node.own
        if own.depth_registration == "none":
            return None, np.eye(4)
        depth_camera = self.camera(images, DEPTH_CAMERA)
        frames = images.header.frame_id, images.images[DEPTH].header.frame_id
        if frames[0] == frames[1]:
            return (None if depth_camera.same_as(camera) else depth_camera), np.eye(4)
        return depth_camera, self._node.transforms.wait(*frames, stamp_ns, own.transform_timeout)


def _check_focal_length(camera: Camera) -> None:
    low, high = FIELD_OF_VIEW
    focal = camera.matrix[0, 0]
    if not low <= focal / max(camera.width, 1) <= high:
        raise ValueError(f"camera_info has a focal length of {focal:.6g} pixels for a width of {camera.width}")
