"""PointCloud2 to arrays and back, for any layout; arrays are views of the message wherever that is possible."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

NUMPY_TYPES = {
    PointField.INT8: "i1",
    PointField.UINT8: "u1",
    PointField.INT16: "i2",
    PointField.UINT16: "u2",
    PointField.INT32: "i4",
    PointField.UINT32: "u4",
    PointField.FLOAT32: "f4",
    PointField.FLOAT64: "f8",
}

TIME_FIELDS = ("t", "time", "timestamp", "time_stamp", "offset_time")
EPOCH_SECONDS, EPOCH_NANOSECONDS = 1e8, 1e17  # times beyond are since an epoch
LONGEST_SCAN_S = 1.0


def decode_xyz(message: PointCloud2) -> NDArray[np.floating[Any]]:
    """The finite points (N,3) of a cloud in metres, in its own frame: float64 where the message has it, else float32.

    `is_dense` is not believed. The result may be a read-only view of the message's data. Raises ValueError, in one
    line, when x, y or z is missing or the layout does not fit the data.
    """
    points = _joined([_field_view(message, name) for name in ("x", "y", "z")])
    finite = np.isfinite(points)
    return points if finite.all() else points[finite.all(axis=1)]


def decode_xyz_and_offsets(message: PointCloud2) -> tuple[NDArray[np.floating[Any]], NDArray[np.float64] | None]:
    """The finite points (N,3) as `decode_xyz`, and the seconds (N,) from the stamp to each; None where no field tells.

    The first field out of `TIME_FIELDS` is taken: whole numbers are nanoseconds after the stamp (Ouster, Livox),
    fractional ones seconds after it (Velodyne) or since the epoch of the stamp (Hesai, RoboSense; nanoseconds: Livox).
    Raises ValueError as `decode_xyz`, and for times that are further from the stamp than a scan can last.
    """
    points = _joined([_field_view(message, name) for name in ("x", "y", "z")])
    named = next((field.name for field in message.fields if field.name in TIME_FIELDS), None)
    finite = np.isfinite(points).all(axis=1)
    if named is None:
        return (points if finite.all() else points[finite]), None
    view = _field_view(message, named)
    times = view.reshape(-1)[finite].astype(np.float64)
    if view.dtype.kind != "f" or (len(times) and np.abs(times).max() > EPOCH_NANOSECONDS):
        times *= 1e-9
    if len(times) and np.abs(times).max() > EPOCH_SECONDS:
        times -= message.header.stamp.sec + message.header.stamp.nanosec * 1e-9
    if len(times) and not np.abs(times).max() < LONGEST_SCAN_S:
        furthest = np.abs(times).max()
        raise ValueError(f"PointCloud2 field {named!r} is {furthest:.4g} s from the stamp: set deskew to false")
    return points[finite], times


def encode_xyz(points: NDArray[Any], header: Header) -> PointCloud2:
    """A dense, unorganised cloud of float32 x, y, z from points (N,3) in metres."""
    array = np.ascontiguousarray(points, dtype="<f4").reshape(-1, 3)
    message = PointCloud2(header=header, height=1, width=len(array), is_bigendian=False, is_dense=True)
    message.fields = [
        PointField(name=name, offset=4 * column, datatype=PointField.FLOAT32, count=1)
        for column, name in enumerate("xyz")
    ]
    message.point_step, message.row_step = 12, 12 * len(array)
    message.data = array.tobytes()  # bytes are copied as a block; an ndarray would be copied value by value
    return message


def _field_view(message: PointCloud2, name: str) -> NDArray[Any]:
    """View (height, width) of one field. Raises ValueError when it does not lie within the message's data."""
    field = next((field for field in message.fields if field.name == name), None)
    if field is None:
        names = ", ".join(field.name for field in message.fields) or "none"
        raise ValueError(f"PointCloud2 has no field {name!r} (fields: {names})")
    if field.datatype not in NUMPY_TYPES:
        raise ValueError(f"PointCloud2 field {name!r} has the unknown datatype {field.datatype}")
    dtype = np.dtype((">" if message.is_bigendian else "<") + NUMPY_TYPES[field.datatype])
    height, width, point_step = message.height, message.width, message.point_step
    row_step = message.row_step or width * point_step  # some drivers leave it zero
    if height * width == 0:
        return np.empty((0, 0), dtype)
    if field.offset + dtype.itemsize > point_step:
        raise ValueError(f"PointCloud2 field {name!r} ends beyond point_step = {point_step} bytes")
    if height > 1 and row_step < width * point_step:
        raise ValueError(f"PointCloud2 row_step = {row_step} is less than width * point_step = {width * point_step}")
    needed = (height - 1) * row_step + width * point_step
    if len(message.data) < needed:
        raise ValueError(f"PointCloud2 is truncated: {len(message.data)} bytes of {needed}")
    return np.ndarray((height, width), dtype, message.data, field.offset, (row_step, point_step))


def _joined(columns: list[NDArray[Any]]) -> NDArray[np.floating[Any]]:
    """Fields (height, width) as points (N,3): a view where x, y, z are neighbours of one native type, else a copy."""
    first = columns[0]
    if first.size == 0:
        return np.empty((0, 3), np.float32)
    height, width = first.shape
    row_step, point_step = first.strides
    addresses = [column.__array_interface__["data"][0] for column in columns]
    neighbours = addresses == [addresses[0] + first.itemsize * k for k in range(3)]
    one_type = first.dtype.isnative and first.dtype.kind == "f" and all(c.dtype == first.dtype for c in columns)
    gapless = height == 1 or row_step == width * point_step
    if neighbours and one_type and gapless:
        shape, strides = (height * width, 3), (point_step, first.itemsize)
        return np.lib.stride_tricks.as_strided(first, shape, strides, writeable=False)
    kind = np.float64 if any(column.dtype.itemsize == 8 for column in columns) else np.float32
    return np.stack([column.astype(kind).reshape(-1) for column in columns], axis=1)
