"""Messages of bags of ROS 1 and ROS 2 as ROS 2 serialises them today (CDR)."""

from __future__ import annotations

from rosbags.convert.converter import is_same_wireformat
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection
from rosbags.serde import SerdeError

from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.message_types import ros2_name, ros2_types


class CdrConverter:
    """Converts the messages of an open bag, a type at a time.

    A message of ROS 1 has another layout, and a header with a sequence number. Definitions have changed between
    distributions as well (vision_msgs): such a message read by the definition of today would be nonsense.
    """

    def __init__(self, reader: AnyReader) -> None:
        self._reader, self._types = reader, ros2_types()

    def check(self, connection: Connection) -> None:
        """Raise DatasetError naming the topic when the messages of a connection cannot be converted."""
        name = ros2_name(connection.msgtype)
        bag = f"{self._reader.paths[0]}: {connection.topic}"
        if name not in self._types.fielddefs:
            raise DatasetError(f"{bag} is of type {name}, which no node reads")
        if not is_same_wireformat(self._reader.typestore, self._types, connection.msgtype, name):
            raise DatasetError(
                f"{bag} was recorded with another definition of {name} than that of ROS 2 Humble and later"
            )

    def convert(self, connection: Connection, raw: bytes | memoryview) -> bytes:
        """One message. Raises DatasetError for one that does not fit its definition."""
        if self._reader.is2:
            return bytes(raw)
        try:
            return bytes(self._types.ros1_to_cdr(raw, ros2_name(connection.msgtype)))
        except SerdeError as error:
            raise DatasetError(
                f"{self._reader.paths[0]}: a message on {connection.topic} is broken: {error}"
            ) from error
