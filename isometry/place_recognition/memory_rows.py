"""The tables of a memory file. Every row has a checksum, and the head the number of rows: damage is noticed anywhere.

Version 1, which is read only, has checksums of the observations alone, and no number of rows. Its rows are checked as
far as they can be: numbered without a gap, each with a pose that is a rotation and a translation.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from isometry.arrays import Array
from isometry.place_recognition.stored_observation import StoredObservation

FORMAT_VERSION = 2
SCHEMA = """
CREATE TABLE memory (model_sha256 TEXT NOT NULL, descriptor_size INTEGER NOT NULL, keyframes INTEGER NOT NULL,
    checksum INTEGER NOT NULL);
CREATE TABLE keyframe (id INTEGER PRIMARY KEY, stamp_ns INTEGER NOT NULL, descriptor BLOB NOT NULL,
    keypoints BLOB NOT NULL, features BLOB NOT NULL, image BLOB NOT NULL, cloud BLOB NOT NULL,
    T_level_base BLOB NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE pose (id INTEGER PRIMARY KEY, T_map_base BLOB NOT NULL, checksum INTEGER NOT NULL);
"""
PARTS = ", ".join(StoredObservation._fields)
POSE_BYTES = 16 * 8
FLOAT16_BYTES = 2
ROTATION_TOLERANCE = 1e-3


class DamagedError(ValueError):
    """Rows that are not as they were written."""


class StoredKeyframe(NamedTuple):
    """One row: stamp, pose as 16 float64, and the observation."""

    stamp_ns: int
    T_map_base: bytes
    observation: StoredObservation


class Head(NamedTuple):
    """What holds for a whole memory. The number of keyframes is None in version 1."""

    model_sha256: str
    descriptor_size: int
    keyframes: int | None


def write_head(connection: sqlite3.Connection, model_sha256: str, descriptor_size: int) -> None:
    """Describe a memory that has no keyframes yet."""
    checksum = _checksum(model_sha256, descriptor_size, 0)
    connection.execute("INSERT INTO memory VALUES (?, ?, 0, ?)", (model_sha256, descriptor_size, checksum))


def read_head(connection: sqlite3.Connection, version: int) -> Head:
    """Raises DamagedError, and sqlite3.DatabaseError for other tables."""
    stored = "model_sha256, descriptor_size" + (", keyframes, checksum" if version > 1 else "")
    rows = connection.execute(f"SELECT {stored} FROM memory").fetchall()
    if len(rows) != 1 or not (isinstance(rows[0][0], str) and all(isinstance(each, int) for each in rows[0][1:])):
        raise DamagedError("its description is not as it was written")
    if version == 1:
        return Head(rows[0][0], rows[0][1], None)
    head = Head(*rows[0][:3])
    if rows[0][3] != _checksum(*head):
        raise DamagedError("its description is not as it was written")
    return head


def read_keyframes(connection: sqlite3.Connection, version: int) -> Iterator[StoredKeyframe]:
    """All keyframes, in the order of their numbers. Raises DamagedError."""
    head = read_head(connection, version)
    pose_checksum = "pose.checksum" if version > 1 else "NULL"
    query = (
        f"SELECT keyframe.id, stamp_ns, {PARTS}, keyframe.checksum, T_map_base, {pose_checksum} "
        "FROM keyframe JOIN pose USING (id) ORDER BY id"
    )
    count = 0
    for number, stamp_ns, *parts, checksum, pose, pose_checksum in connection.execute(query):
        blobs = all(isinstance(each, bytes) for each in (*parts, pose)) and isinstance(stamp_ns, int)
        if number != count or not blobs or len(parts[0]) != FLOAT16_BYTES * head.descriptor_size:
            raise DamagedError(f"keyframe {count} is not as it was written")
        whole = _checksum(number, stamp_ns, *parts) if version > 1 else zlib.crc32(b"".join(parts))
        placed = _checksum(number, pose) == pose_checksum if version > 1 else _is_pose(pose)
        if checksum != whole or not placed or len(pose) != POSE_BYTES:
            raise DamagedError(f"keyframe {count} is not as it was written")
        count += 1
        yield StoredKeyframe(stamp_ns, pose, StoredObservation(*parts))
    stored = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("keyframe", "pose")]
    if any(rows != count for rows in stored) or head.keyframes not in (None, count):
        raise DamagedError(f"{count} of its keyframes can be read, and not all that were written")


def insert(connection: sqlite3.Connection, first_identifier: int, keyframes: Iterable[StoredKeyframe]) -> None:
    """Add keyframes, numbered from `first_identifier`."""
    count = first_identifier
    for keyframe in keyframes:
        row = (count, keyframe.stamp_ns, *keyframe.observation)
        connection.execute("INSERT INTO keyframe VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, _checksum(*row)))
        pose = (count, keyframe.T_map_base)
        connection.execute("INSERT INTO pose VALUES (?, ?, ?)", (*pose, _checksum(*pose)))
        count += 1
    _write_count(connection, count)


def update_poses(connection: sqlite3.Connection, T_map_base: Array) -> None:
    """Replace the poses (N,4,4) of all keyframes."""
    poses = [pose.astype("<f8").tobytes() for pose in T_map_base]
    rows = ((pose, _checksum(identifier, pose), identifier) for identifier, pose in enumerate(poses))
    connection.executemany("UPDATE pose SET T_map_base = ?, checksum = ? WHERE id = ?", rows)


def clear(connection: sqlite3.Connection) -> None:
    """Remove all keyframes."""
    connection.execute("DELETE FROM keyframe")
    connection.execute("DELETE FROM pose")
    _write_count(connection, 0)


def _write_count(connection: sqlite3.Connection, count: int) -> None:
    """Write the number of keyframes into the head."""
    head = read_head(connection, FORMAT_VERSION)
    checksum = _checksum(head.model_sha256, head.descriptor_size, count)
    connection.execute("UPDATE memory SET keyframes = ?, checksum = ?", (count, checksum))


def _checksum(*values: Any) -> int:
    """CRC-32 of numbers, texts and bytes, one after another."""
    checksum = 0
    for value in values:
        checksum = zlib.crc32(value if isinstance(value, bytes) else f"{value},".encode(), checksum)
    return checksum


def _is_pose(pose: bytes) -> bool:
    if len(pose) != POSE_BYTES:
        return False
    matrix = np.frombuffer(pose, "<f8").reshape(4, 4)
    rotation = matrix[:3, :3]
    with np.errstate(all="ignore"):
        turned = np.abs(rotation @ rotation.T - np.eye(3)).max() < ROTATION_TOLERANCE
    return bool(np.isfinite(matrix).all() and turned and (matrix[3] == [0.0, 0.0, 0.0, 1.0]).all())
