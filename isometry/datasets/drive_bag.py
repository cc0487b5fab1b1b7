"""Writes recorded drives as rosbag2: what the nodes subscribe to, and the truth to judge them by."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import Connection, Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti import KittiOdometry
from isometry.datasets.odometry import OdometryDrift, drifting_odometry
from isometry.datasets.rosbag import ODOMETRY, POINT_CLOUD, POSE, TRANSFORMS
from isometry.geometry import se3

Array = NDArray[np.float64]
START_NS = 1_317_600_000_000_000_000  # an arbitrary day, as KITTI's times start at zero
TYPES = {
    "/points": POINT_CLOUD,
    "/odom": ODOMETRY,
    "/tf": TRANSFORMS,
    "/tf_static": TRANSFORMS,
    "/ground_truth/pose": POSE,
}


def write_drive(
    path: Path,
    drive: KittiOdometry,
    frames: slice = slice(None),
    drift: OdometryDrift | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> None:
    """Write scans, odometry and true poses of the chosen scans of a drive as a new rosbag2 (mcap) directory.

    The base is where the sensor is. Whole, or not at all: it is written beside `path` and renamed at the end.
    `advance` is told (done, total) after each scan. Raises DatasetError when `path` exists or a scan cannot be read.
    """
    if path.exists():
        raise DatasetError(f"{path}: exists already")
    chosen = range(*frames.indices(len(drive)))
    if not chosen:
        raise DatasetError(f"{drive.root}: sequence {drive.sequence} has {len(drive)} scans, none of those asked for")
    T_odom_base = drifting_odometry(drive.poses[frames], drift)
    unfinished = path.with_name(f".{path.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        with Writer(unfinished / path.name, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
            messages = _Messages(writer)
            messages.static_transform(START_NS + round(drive.times_s[chosen[0]] * 1e9), "base_link", "lidar", np.eye(4))
            for done, (k, T) in enumerate(zip(chosen, T_odom_base, strict=True), start=1):
                stamp_ns = START_NS + round(drive.times_s[k] * 1e9)
                messages.odometry(stamp_ns, T)
                messages.ground_truth(stamp_ns, drive.poses[k])
                messages.points(stamp_ns, drive.scan(k))
                if advance is not None:
                    advance(done, len(chosen))
        (unfinished / path.name).rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


class _Messages:
    """Serialises what a drive is made of into an open bag."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._store = get_typestore(Stores.ROS2_HUMBLE)
        self._types: Any = self._store.types
        self._connections: dict[str, Connection] = {}
        for topic, kind in TYPES.items():
            profiles = [_latched()] if topic == "/tf_static" else []
            connection = writer.add_connection(topic, kind, typestore=self._store, offered_qos_profiles=profiles)
            self._connections[topic] = connection

    def static_transform(self, stamp_ns: int, target: str, source: str, T_target_source: Array) -> None:
        self._write("/tf_static", stamp_ns, self._transforms(stamp_ns, target, source, T_target_source))

    def odometry(self, stamp_ns: int, T_odom_base: Array) -> None:
        self._write("/tf", stamp_ns, self._transforms(stamp_ns, "odom", "base_link", T_odom_base))
        pose = self._make("geometry_msgs/msg/PoseWithCovariance", self._pose(T_odom_base), np.zeros(36))
        zero = self._make("geometry_msgs/msg/Vector3", 0.0, 0.0, 0.0)
        still = self._make("geometry_msgs/msg/Twist", zero, zero)
        twist = self._make("geometry_msgs/msg/TwistWithCovariance", still, np.zeros(36))
        header = self._header(stamp_ns, "odom")
        self._write("/odom", stamp_ns, self._make(TYPES["/odom"], header, "base_link", pose, twist))

    def ground_truth(self, stamp_ns: int, T_world_base: Array) -> None:
        message = self._make(TYPES["/ground_truth/pose"], self._header(stamp_ns, "world"), self._pose(T_world_base))
        self._write("/ground_truth/pose", stamp_ns, message)

    def points(self, stamp_ns: int, scan: NDArray[np.float32]) -> None:
        """Points (M,4): x, y, z, intensity."""
        field = self._types["sensor_msgs/msg/PointField"]
        fields = [field(name, 4 * k, field.FLOAT32, 1) for k, name in enumerate(("x", "y", "z", "intensity"))]
        content = np.ascontiguousarray(scan, "<f4").view(np.uint8).ravel()
        header = self._header(stamp_ns, "lidar")
        self._write(
            "/points",
            stamp_ns,
            self._make(TYPES["/points"], header, 1, len(scan), fields, False, 16, content.size, content, True),
        )

    def _transforms(self, stamp_ns: int, target: str, source: str, T: Array) -> Any:
        vector = self._make("geometry_msgs/msg/Vector3", *map(float, T[:3, 3]))
        rotation = self._make("geometry_msgs/msg/Quaternion", *map(float, se3.to_quaternion(T)))
        transform = self._make("geometry_msgs/msg/Transform", vector, rotation)
        header = self._header(stamp_ns, target)
        stamped = self._make("geometry_msgs/msg/TransformStamped", header, source, transform)
        return self._make(TYPES["/tf"], [stamped])

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

    def _make(self, kind: str, *values: Any) -> Any:
        return self._types[kind](*values)

    def _write(self, topic: str, stamp_ns: int, message: Any) -> None:
        content = self._store.serialize_cdr(message, TYPES[topic])
        self._writer.write(self._connections[topic], stamp_ns, content)


def _latched() -> Qos:
    never = QosTime(0, 0)
    return Qos(
        QosHistory.KEEP_LAST, 1, QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL,
        never, never, QosLiveliness.AUTOMATIC, never, False,
    )  # fmt: skip
