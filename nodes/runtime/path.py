"""Paths as messages."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from isometry.arrays import Array
from isometry.nodes.runtime import messages

SECOND_NS = 1_000_000_000
LITTLE_ENDIAN_CDR = b"\x00\x01\x00\x00"


def to_serialized_path(T_frame_poses: Array, stamps_ns: Iterable[int], frame: str, stamp_ns: int) -> bytes:
    """Poses (N,4,4) in a frame as a serialised nav_msgs/Path (CDR); each has a stamp of its own.

    As Python objects, the keyframes of a long map would take the worker 0.3 s each second. All have the same frame, so
    the same length, and are written as one array; only the padding of the first one may differ.
    """
    name = frame.encode() + b"\0"
    seconds, nanoseconds = np.divmod(np.array([stamp_ns, *stamps_ns], dtype=np.int64), SECOND_NS)
    head = np.dtype([("seconds", "<i4"), ("nanoseconds", "<u4"), ("length", "<u4"), ("frame", f"S{len(name)}")])
    row = np.dtype([("head", head), ("padding", f"V{-head.itemsize % 8}"), ("numbers", "<f8", 7)])
    poses = np.zeros(len(seconds), dtype=row)  # the first one is the head of the path itself
    poses["head"]["seconds"], poses["head"]["nanoseconds"] = seconds, nanoseconds
    poses["head"]["length"], poses["head"]["frame"] = len(name), name
    poses["numbers"][1:] = messages.pose_numbers(T_frame_poses)
    path: bytes = poses["head"][0].tobytes()
    path += bytes(-len(path) % 4) + np.uint32(len(seconds) - 1).tobytes()
    if len(poses) > 1:
        path += poses["head"][1].tobytes()
        path += bytes(-len(path) % 8) + poses["numbers"][1].tobytes() + poses[2:].tobytes()
    return LITTLE_ENDIAN_CDR + path
