"""Writer of rosbag2 files (mcap): points, images, odometry, transforms, poses and detections."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import Connection, Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer

from isometry.arrays import AnyArray, Array
from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.message_types import (
    CAMERA_INFO,
    DETECTIONS,
    DETECTIONS_2D,
    IMAGE,
    ODOMETRY,
    POINT_CLOUD,
    POSE,
    TRANSFORMS,
    ros2_types,
)
from isometry.geometry import se3
from isometry.sensing.cameras import Camera

ENCODINGS = {"uint8": "mono8", "uint16": "16UC1", "float32": "32FC1"}
"""Of images, by the type of their numbers."""
START_NS = 1_317_600_000_000_000_000  # an arbitrary day, as KITTI's times start at zero
TOPICS = {
    "/points": POINT_CLOUD,
    "/odom": ODOMETRY,
    "/tf": TRANSFORMS,
    "/tf_static": TRANSFORMS,
    "/ground_truth/pose": POSE,
    "/detections": DETECTIONS,
    "/image": IMAGE,
    "/depth": IMAGE,
    "/labels": IMAGE,
    "/camera_info": CAMERA_INFO,
    "/depth_camera_info": CAMERA_INFO,
    "/boxes": DETECTIONS_2D,
}
"""The topics that can be written, with their types."""


def stamp_ns_of(time_s: float) -> int:
    """The stamp in a bag of a time in seconds since the start of a drive."""
    return START_NS + round(time_s * 1e9)


@contextmanager
def new_bag(path: Path, topics: Sequence[str]) -> Iterator[BagWriter]:
    """A new rosbag2 directory with some of `TOPICS`.

    It is written under a temporary name and renamed at the end, so that no half-written bag stays behind. Raises
    DatasetError when `path` exists.
    """
    if path.exists():
        raise DatasetError(f"{path}: exists already")
    unfinished = path.with_name(f".{path.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        with Writer(unfinished / path.name, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
            yield BagWriter(writer, topics)
        (unfinished / path.name).rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


class BagWriter:
    """Serialises messages into an open bag. The robot's frame is base_link, the sensor's is lidar."""

    def __init__(self, writer: Writer, topics: Sequence[str]) -> None:
        self._writer = writer
        self._store = ros2_types()
        self._types: Any = self._store.types
        self._connections: dict[str, Connection] = {}
        for topic in topics:
            profiles = [_latched()] if topic == "/tf_static" else []
            self._connections[topic] = writer.add_connection(
                topic, TOPICS[topic], typestore=self._store, offered_qos_profiles=profiles
            )

    def sensor_mount(self, stamp_ns: int) -> None:
        """The transform of the LiDAR, which is at the robot's origin, on /tf_static."""
        self.transform(stamp_ns, "base_link", "lidar", np.eye(4), static=True)

    def transform(self, stamp_ns: int, target: str, source: str, T_target_source: Array, static: bool = False) -> None:
        """A transform on /tf, or on /tf_static."""
        message = self._transforms(stamp_ns, target, source, T_target_source)
        self._write("/tf_static" if static else "/tf", stamp_ns, message)

    def odometry(self, stamp_ns: int, T_odom_base: Array) -> None:
        """An odometry pose on /tf and on /odom."""
        self.transform(stamp_ns, "odom", "base_link", T_odom_base)
        pose = self._make("geometry_msgs/msg/PoseWithCovariance", self._pose(T_odom_base), np.zeros(36))
        zero = self._make("geometry_msgs/msg/Vector3", 0.0, 0.0, 0.0)
        no_twist = self._make("geometry_msgs/msg/Twist", zero, zero)
        twist = self._make("geometry_msgs/msg/TwistWithCovariance", no_twist, np.zeros(36))
        header = self._header(stamp_ns, "odom")
        self._write("/odom", stamp_ns, self._make(TOPICS["/odom"], header, "base_link", pose, twist))

    def ground_truth(self, stamp_ns: int, T_world_base: Array) -> None:
        """A true pose on /ground_truth/pose."""
        message = self._make(TOPICS["/ground_truth/pose"], self._header(stamp_ns, "world"), self._pose(T_world_base))
        self._write("/ground_truth/pose", stamp_ns, message)

    def points(self, stamp_ns: int, scan: NDArray[np.float32], frame: str = "lidar") -> None:
        """Points (M,4), x, y, z and intensity, of a sensor's frame, on /points."""
        field = self._types["sensor_msgs/msg/PointField"]
        fields = [field(name, 4 * k, field.FLOAT32, 1) for k, name in enumerate(("x", "y", "z", "intensity"))]
        content = np.ascontiguousarray(scan, "<f4").view(np.uint8).ravel()
        header = self._header(stamp_ns, frame)
        self._write(
            "/points",
            stamp_ns,
            self._make(TOPICS["/points"], header, 1, len(scan), fields, False, 16, content.size, content, True),
        )

    def detections(self, stamp_ns: int, boxes: Array, scores: Array, labels: Sequence[str]) -> None:
        """Boxes (N,7: centre, length, width, height, yaw) in the LiDAR frame, on /detections."""
        header = self._header(stamp_ns, "lidar")
        found = []
        for box, score, label in zip(boxes, scores, labels, strict=True):
            T_lidar_box = se3.from_planar(box[0], box[1], box[6])
            T_lidar_box[2, 3] = box[2]
            pose = self._pose(T_lidar_box)
            size = self._make("geometry_msgs/msg/Vector3", *map(float, box[3:6]))
            hypothesis = self._make("vision_msgs/msg/ObjectHypothesis", label, float(score))
            with_covariance = self._make("geometry_msgs/msg/PoseWithCovariance", pose, np.zeros(36))
            results = [self._make("vision_msgs/msg/ObjectHypothesisWithPose", hypothesis, with_covariance)]
            bounds = self._make("vision_msgs/msg/BoundingBox3D", pose, size)
            found.append(self._make("vision_msgs/msg/Detection3D", header, results, bounds, ""))
        self._write("/detections", stamp_ns, self._make(DETECTIONS, header, found))

    def image(self, stamp_ns: int, topic: str, pixels: AnyArray, frame: str = "camera") -> None:
        """An image (H,W) of bytes, 16 bit or float32 numbers, or (H,W,3) of red, green and blue."""
        encoding = "rgb8" if pixels.ndim == 3 else ENCODINGS[str(pixels.dtype)]
        content = np.ascontiguousarray(pixels)
        height, width = pixels.shape[:2]
        step = content.nbytes // height
        data = content.view(np.uint8).reshape(-1)
        message = self._make(IMAGE, self._header(stamp_ns, frame), height, width, encoding, 0, step, data)
        self._write(topic, stamp_ns, message)

    def camera_info(self, stamp_ns: int, topic: str, camera: Camera, frame: str = "camera") -> None:
        """A camera; p is that of images without its distortion."""
        region = self._make("sensor_msgs/msg/RegionOfInterest", 0, 0, 0, 0, False)
        projection = np.hstack([camera.matrix, np.zeros((3, 1))]).ravel()
        k, r = camera.matrix.ravel(), np.eye(3).ravel()
        model, coefficients = camera.model or "plumb_bob", np.array(camera.distortion or [0.0] * 5)
        header = self._header(stamp_ns, frame)
        size = camera.height, camera.width
        message = self._make(CAMERA_INFO, header, *size, model, coefficients, k, r, projection, 0, 0, region)
        self._write(topic, stamp_ns, message)

    def boxes(self, stamp_ns: int, boxes: Array, names: Sequence[str], frame: str = "camera") -> None:
        """Boxes (N,4: centre to the right and down, width, height) in pixels of an image, on /boxes."""
        header = self._header(stamp_ns, frame)
        nowhere = self._make("geometry_msgs/msg/PoseWithCovariance", self._pose(np.eye(4)), np.zeros(36))
        found = []
        for (x, y, width, height), name in zip(boxes.tolist(), names, strict=True):
            hypothesis = self._make("vision_msgs/msg/ObjectHypothesis", name, 1.0)
            results = [self._make("vision_msgs/msg/ObjectHypothesisWithPose", hypothesis, nowhere)]
            centre = self._make("vision_msgs/msg/Pose2D", self._make("vision_msgs/msg/Point2D", x, y), 0.0)
            bounds = self._make("vision_msgs/msg/BoundingBox2D", centre, width, height)
            found.append(self._make("vision_msgs/msg/Detection2D", header, results, bounds, ""))
        self._write("/boxes", stamp_ns, self._make(DETECTIONS_2D, header, found))

    def _transforms(self, stamp_ns: int, target: str, source: str, T: Array) -> Any:
        vector = self._make("geometry_msgs/msg/Vector3", *map(float, T[:3, 3]))
        rotation = self._make("geometry_msgs/msg/Quaternion", *map(float, se3.to_quaternion(T)))
        transform = self._make("geometry_msgs/msg/Transform", vector, rotation)
        header = self._header(stamp_ns, target)
        stamped = self._make("geometry_msgs/msg/TransformStamped", header, source, transform)
        return self._make(TOPICS["/tf"], [stamped])

    def _pose(self, T: Array) -> Any:
        position = self._make("geometry_msgs/msg/Point", *map(float, T[:3, 3]))
        return self._make(
            "geometry_msgs/msg/Pose",
            position,
            self._make("geometry_msgs/msg/Quaternion", *map(float, se3.to_quaternion(T))),
        )

    def _header(self, stamp_ns: int, frame: str) -> Any:
        stamp = self._make("builtin_interfaces/msg/Time", *divmod(stamp_ns, 1_000_000_000))
        return self._make("std_msgs/msg/Header", stamp, frame)

    def _make(self, message_type: str, *values: Any) -> Any:
        return self._types[message_type](*values)

    def _write(self, topic: str, stamp_ns: int, message: Any) -> None:
        content = self._store.serialize_cdr(message, TOPICS[topic])
        self._writer.write(self._connections[topic], stamp_ns, content)


def _latched() -> Qos:
    never = QosTime(0, 0)
    return Qos(
        QosHistory.KEEP_LAST, 1, QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL,
        never, never, QosLiveliness.AUTOMATIC, never, False,
    )  # fmt: skip
