"""Reader of bags of ROS 2 and ROS 1: topics, poses and point clouds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader
from scipy.spatial.transform import Rotation, Slerp

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.message_types import (
    ODOMETRY,
    POINT_CLOUD,
    POSE,
    POSE_WITH_COVARIANCE,
    TRANSFORMS,
    ros2_name,
    ros2_types,
)
from isometry.geometry import se3
from isometry.sensing.point_cloud2 import decode_xyz

BASE_FRAME = "base_link"


@contextmanager
def open_bag(path: Path) -> Iterator[AnyReader]:
    """Open a rosbag2 directory, a single .mcap or .db3 file, or a .bag of ROS 1.

    Raises DatasetError when it cannot be read.
    """
    if not path.exists():
        raise DatasetError(f"{path}: no such file or directory")
    try:
        reader = AnyReader([path], default_typestore=ros2_types())  # .db3 of Humble and before hold no definitions
        reader.open()
    except Exception as error:  # the library does not catch what its parsers raise in a broken file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetError(f"{path}: not a readable bag ({reason})") from error
    try:
        yield reader
    finally:
        reader.close()


def topic_types(path: Path) -> dict[str, str]:
    """Message type of each topic of a bag. Raises DatasetError when it cannot be read."""
    with open_bag(path) as reader:
        return {connection.topic: ros2_name(connection.msgtype) for connection in reader.connections}


@dataclass(frozen=True)
class BagSummary:
    """Length and topics of a bag."""

    duration_s: float
    topics: dict[str, tuple[str, int]]  # type and number of messages by topic


def summarise(path: Path) -> BagSummary:
    """Summary of a bag, for which every message is read. Raises DatasetError when not all of it can be read."""
    with open_bag(path) as reader:
        counts = dict.fromkeys((connection.topic for connection in reader.connections), 0)
        try:
            for connection, _, _ in reader.messages():
                counts[connection.topic] += 1
        except Exception as error:  # as above, of a truncated chunk
            raise DatasetError(f"{path}: broken after {sum(counts.values())} messages ({error})") from error
        types = {connection.topic: ros2_name(connection.msgtype) for connection in reader.connections}
        return BagSummary(reader.duration * 1e-9, {topic: (types[topic], counts[topic]) for topic in sorted(types)})


@dataclass(frozen=True)
class StampedPoses:
    """Poses over time."""

    stamps_ns: NDArray[np.int64]  # (N,) increasing
    poses: Array  # (N,4,4)

    def at(self, stamps_ns: NDArray[np.int64]) -> Array:
        """Poses (M,4,4) at stamps (M,): linear interpolation of the translation, spherical of the rotation.

        Before the first sample and after the last one, it is the pose of that sample.
        """
        if len(self.stamps_ns) == 1:
            return np.repeat(self.poses, len(stamps_ns), axis=0)
        seconds = (np.clip(stamps_ns, self.stamps_ns[0], self.stamps_ns[-1]) - self.stamps_ns[0]) * 1e-9
        known = (self.stamps_ns - self.stamps_ns[0]) * 1e-9
        found = np.tile(np.eye(4), (len(stamps_ns), 1, 1))
        if len(stamps_ns):
            found[:, :3, :3] = Slerp(known, Rotation.from_matrix(self.poses[:, :3, :3]))(seconds).as_matrix()
            for axis in range(3):
                found[:, axis, 3] = np.interp(seconds, known, self.poses[:, axis, 3])
        return found


def read_poses(path: Path, topic: str) -> StampedPoses:
    """Poses on a topic at the stamps of their headers: PoseStamped, also with covariance, Odometry, or TFMessage.

    Of transforms, those of base_link are taken.
    Raises DatasetError when there are none, or when the topic is of another type.
    """
    found: dict[int, Array] = {}
    with open_bag(path) as reader:
        connections = [connection for connection in reader.connections if connection.topic == topic]
        for connection, _, raw in reader.messages(connections):
            message: Any = reader.deserialize(raw, connection.msgtype)
            kind = ros2_name(connection.msgtype)
            if kind == POSE:
                found[_stamp_ns(message.header)] = _matrix(message.pose.position, message.pose.orientation)
            elif kind in (ODOMETRY, POSE_WITH_COVARIANCE):
                found[_stamp_ns(message.header)] = _matrix(message.pose.pose.position, message.pose.pose.orientation)
            elif kind == TRANSFORMS:
                for stamped in message.transforms:
                    if stamped.child_frame_id.lstrip("/") == BASE_FRAME:
                        vector, quaternion = stamped.transform.translation, stamped.transform.rotation
                        found[_stamp_ns(stamped.header)] = _matrix(vector, quaternion)
            else:
                raise DatasetError(f"{path}: {topic} is of type {kind}, which has no poses")
    if not found:
        raise DatasetError(f"{path}: no poses on {topic}")
    stamps = sorted(found)
    return StampedPoses(np.array(stamps), np.stack([found[stamp] for stamp in stamps]))


def read_clouds(path: Path, every: int = 1) -> Iterator[tuple[int, Array]]:
    """Stamps, and finite points (N,3) in metres in the sensor's frame, of every `every`-th PointCloud2 of a bag.

    Raises DatasetError for a cloud without x, y and z, or whose layout does not fit its data.
    """
    with open_bag(path) as reader:
        connections = [connection for connection in reader.connections if connection.msgtype == POINT_CLOUD]
        for k, (connection, _, raw) in enumerate(reader.messages(connections)):
            if k % every == 0:
                message: Any = reader.deserialize(raw, connection.msgtype)
                try:
                    points = decode_xyz(message).astype(np.float64)
                except ValueError as error:
                    raise DatasetError(f"{path}: {error}") from error
                yield _stamp_ns(message.header), points


def _stamp_ns(header: Any) -> int:
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def _matrix(vector: Any, quaternion: Any) -> Array:
    xyzw = np.array([quaternion.x, quaternion.y, quaternion.z, quaternion.w])
    return se3.from_quaternion_translation(xyzw, np.array([vector.x, vector.y, vector.z]))
