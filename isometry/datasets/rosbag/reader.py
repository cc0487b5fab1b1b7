"""Reader of bags of ROS 2 and ROS 1: topics, poses and point clouds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    ros2_name,
    ros2_types,
)
from isometry.geometry import se3
from isometry.sensing.point_cloud2 import decode_xyz

POSES = (POSE, POSE_WITH_COVARIANCE, ODOMETRY)
"""Types that hold a pose with a header."""


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

    @staticmethod
    def of(by_stamp: Mapping[int, Array]) -> StampedPoses:
        """Poses (4,4) by their stamps, in any order."""
        stamps = sorted(by_stamp)
        return StampedPoses(np.array(stamps, np.int64), np.stack([by_stamp[stamp] for stamp in stamps]))

    def covers(self, stamps_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which stamps (M,) lie between the first and the last sample."""
        return np.asarray((stamps_ns >= self.stamps_ns[0]) & (stamps_ns <= self.stamps_ns[-1]))

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
    """Poses on a topic at the stamps of their headers: PoseStamped, also with covariance, or Odometry.

    Raises DatasetError when there are none, or when the topic is of another type.
    """
    found: dict[int, Array] = {}
    with open_bag(path) as reader:
        connections = [connection for connection in reader.connections if connection.topic == topic]
        for connection, _, raw in reader.messages(connections) if connections else ():
            kind = ros2_name(connection.msgtype)
            if kind not in POSES:
                raise DatasetError(f"{path}: {topic} is of type {kind}, which has no poses")
            message: Any = reader.deserialize(raw, connection.msgtype)
            pose = message.pose if kind == POSE else message.pose.pose
            found[stamp_ns_of_header(message.header)] = to_matrix(pose.position, pose.orientation)
    if not found:
        raise DatasetError(f"{path}: no poses on {topic}")
    return StampedPoses.of(found)


def frame_of(path: Path, topic: str) -> str:
    """The frame that the first message on a topic names. Raises DatasetError when there is no message."""
    with open_bag(path) as reader:
        connections = [connection for connection in reader.connections if connection.topic == topic]
        for connection, _, raw in reader.messages(connections) if connections else ():
            message: Any = reader.deserialize(raw, connection.msgtype)
            return str(message.header.frame_id).lstrip("/")
    raise DatasetError(f"{path}: no message on {topic}")


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
                yield stamp_ns_of_header(message.header), points


def stamp_ns_of_header(header: Any) -> int:
    """Nanoseconds of the stamp of a header."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def to_matrix(vector: Any, quaternion: Any) -> Array:
    """The pose (4,4) of a position and a quaternion in a message."""
    xyzw = np.array([quaternion.x, quaternion.y, quaternion.z, quaternion.w])
    return se3.from_quaternion_translation(xyzw, np.array([vector.x, vector.y, vector.z]))
