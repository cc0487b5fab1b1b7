"""Plays the messages of a bag, as serialised in it, with stamps shifted to now."""

from __future__ import annotations

import importlib
import struct
import time
from collections.abc import Iterator
from typing import NamedTuple

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection
from sensor_msgs.msg import PointCloud2
from tf2_msgs.msg import TFMessage

from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.cdr import CdrConverter
from isometry.datasets.rosbag.message_types import ros2_name
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.quality_of_service import latched, reliable
from isometry.sensing.point_times import TIME_FIELDS, shift_epoch_times

STATIC = "tf_static"
"""The end of the name of a topic of static transforms."""


class Played(NamedTuple):
    """A scan that was published."""

    stamp_ns: int  # as in the bag
    published_ns: int  # wall clock
    late_ns: int  # behind its time


class BagPlayer:
    """Publishers for some topics of an open bag. Every stamp in a header is shifted by `shift_ns`."""

    def __init__(self, node: Node, reader: AnyReader, points: str, topics: list[str], not_played: str) -> None:
        """`points` is the topic of the scans. Transforms whose parent is the frame `not_played` are left out.

        Raises DatasetError when the bag does not have a topic.
        """
        self._not_played = not_played
        self._reader = reader
        self._points = points
        self._connections = [c for c in reader.connections if c.topic in {points, *topics}]
        known = {connection.topic for connection in self._connections}
        for topic in (points, *topics):
            if topic not in known:
                raise DatasetError(f"{reader.paths[0]}: no topic {topic} in it")
        self._cdr = CdrConverter(reader)
        for connection in self._connections:
            self._cdr.check(connection)
        self._publishers = {c.topic: _publisher(node, c) for c in self._connections}
        self.shift_ns = 0
        self.played: list[Played] = []

    @property
    def newest_stamp_ns(self) -> int:
        """Shifted stamp of the newest scan that was published."""
        return self.played[-1].stamp_ns + self.shift_ns

    def unmatched(self) -> list[str]:
        """Topics without a subscriber yet."""
        return [topic for topic, publisher in self._publishers.items() if not publisher.get_subscription_count()]

    def play(self, rate: float) -> Iterator[tuple[int, int]]:
        """Publish everything in order, static transforms first; gives (scans done, scans in all) for each scan.

        It does so before the next scan: what was recorded after a scan may be needed to answer it, as its transform is.

        `rate` is relative to the bag's own speed; 0 does not wait. At rate 1 stamps are as if the sensors of the bag
        were read now.
        """
        total = sum(c.msgcount for c in self._connections if c.topic == self._points)
        first_bag_ns, first_stamp_ns = self._first_scan()
        static = [c for c in self._connections if c.topic.endswith(STATIC)]
        for connection, _, raw in self._reader.messages(static) if static else ():  # they hold from the first scan on
            self._publishers[connection.topic].publish(self._shifted(connection, raw))
        start_ns = time.time_ns()
        bag_start_ns = self._reader.start_time
        self.shift_ns = start_ns + (first_bag_ns - bag_start_ns) - first_stamp_ns
        others = [c for c in self._connections if c not in static]
        for connection, bag_ns, raw in self._reader.messages(others):
            if connection.topic == self._points and self.played:
                yield len(self.played), total
            message = self._shifted(connection, raw)  # before its time: a large cloud takes a few milliseconds
            due_ns = start_ns + round((bag_ns - bag_start_ns) / rate) if rate else time.time_ns()
            time.sleep(max(0, due_ns - time.time_ns()) * 1e-9)
            self._publishers[connection.topic].publish(message)
            if connection.topic == self._points:
                now_ns = time.time_ns()
                self.played.append(Played(_read_stamp(message) - self.shift_ns, now_ns, now_ns - due_ns))
        yield len(self.played), total

    def _first_scan(self) -> tuple[int, int]:
        """When the first scan was recorded, and its stamp."""
        for connection, bag_ns, raw in self._reader.messages(self._connections):
            if connection.topic == self._points:
                return bag_ns, _read_stamp(self._cdr.convert(connection, raw))
        raise DatasetError(f"{self._reader.paths[0]}: no message on {self._points}")

    def _shifted(self, connection: Connection, raw_in_bag: bytes) -> bytes:
        """A serialised message with all its times shifted: of the header, of each transform, of each point."""
        raw = self._cdr.convert(connection, raw_in_bag)
        kind = self._publishers[connection.topic].msg_type
        if kind is TFMessage:
            message = deserialize_message(raw, TFMessage)
            message.transforms = [t for t in message.transforms if t.header.frame_id.lstrip("/") != self._not_played]
            for transform in message.transforms:
                shifted_ns = messages.stamp_ns(transform.header.stamp) + self.shift_ns
                transform.header.stamp = messages.to_stamp(shifted_ns)
            return bytes(serialize_message(message))
        if kind is PointCloud2:
            raw = _with_shifted_points(raw, self.shift_ns)
        return _with_stamp(raw, _read_stamp(raw) + self.shift_ns)


def _publisher(node: Node, connection: Connection) -> Publisher:
    package, _, name = ros2_name(connection.msgtype).split("/")
    kind = getattr(importlib.import_module(f"{package}.msg"), name)
    if kind is TFMessage:
        static = connection.topic.endswith(STATIC)
        return node.create_publisher(kind, "/tf_static" if static else "/tf", latched(100) if static else reliable(100))
    return node.create_publisher(kind, connection.topic, reliable(100))


def _read_stamp(raw: bytes | memoryview) -> int:
    """Stamp in nanoseconds of a serialised message whose first field is a header (CDR: 4 bytes say the byte order)."""
    seconds, nanoseconds = struct.unpack_from(_order(raw) + "iI", raw, 4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def _with_stamp(raw: bytes, stamp_ns: int) -> bytes:
    """A copy with another stamp."""
    return raw[:4] + struct.pack(_order(raw) + "iI", *divmod(stamp_ns, 1_000_000_000)) + raw[12:]


def _with_shifted_points(raw: bytes, shift_ns: int) -> bytes:
    """A copy of a cloud with the times of its points shifted where they are since the epoch; the stamp stays.

    A cloud that cannot be read is left to the node, which names what is wrong with it.
    """
    cloud = deserialize_message(raw, PointCloud2)
    if not any(field.name in TIME_FIELDS for field in cloud.fields):
        return raw
    try:
        shift_epoch_times(cloud, shift_ns)
    except ValueError:
        return raw
    return bytes(serialize_message(cloud))


def _order(raw: bytes | memoryview) -> str:
    return "<" if raw[1] & 1 else ">"
