"""Clouds in the layout of sensor_msgs/PointCloud2 as arrays: messages of ROS and of bags alike, of any driver.

Arrays are views of the message wherever that is possible.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.floating[Any]]

NUMPY_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8", 9: "i8", 10: "u8"}
"""By the constants of sensor_msgs/PointField: INT8, UINT8, INT16, UINT16, INT32, UINT32, FLOAT32, FLOAT64; and INT64,
UINT64 of PCL, which ROS does not name and PCL writes."""
UINT32 = 6


class Cloud(Protocol):
    """sensor_msgs/PointCloud2, whichever library read it."""

    header: Any
    height: int
    width: int
    fields: Any  # a sequence of sensor_msgs/PointField: name, offset in bytes, datatype, count
    is_bigendian: bool
    point_step: int  # bytes from one point to the next
    row_step: int  # bytes from one row to the next
    data: Any  # a buffer of bytes


def decode_xyz(cloud: Cloud) -> Points:
    """The finite points (N,3) of a cloud in metres, in its own frame: float64 where the cloud has it, else float32.

    Points are checked whatever `is_dense` says. The result may be a read-only view of the cloud's data. Raises
    ValueError, in one line, when x, y or z is missing or the layout does not fit the data.
    """
    points = decode_all_xyz(cloud)
    finite = np.isfinite(points)
    return points if finite.all() else points[finite.all(axis=1)]


def decode_all_xyz(cloud: Cloud) -> Points:
    """All points (N,3), also those that are not finite; otherwise as `decode_xyz`."""
    return _joined([field_view(cloud, name) for name in ("x", "y", "z")])


def field_view(cloud: Cloud, name: str) -> NDArray[Any]:
    """View (height, width) of one field. Raises ValueError when it does not lie within the cloud's data."""
    field = next((field for field in cloud.fields if field.name == name), None)
    if field is None:
        names = ", ".join(field.name for field in cloud.fields) or "none"
        raise ValueError(f"PointCloud2 has no field {name!r} (fields: {names})")
    if field.datatype not in NUMPY_TYPES:
        raise ValueError(f"PointCloud2 field {name!r} has the unknown datatype {field.datatype}")
    pair = field.datatype == UINT32 and field.count == 2  # how drivers write 64 bits with the types of ROS
    dtype = np.dtype((">" if cloud.is_bigendian else "<") + ("u8" if pair else NUMPY_TYPES[field.datatype]))
    height, width, point_step = cloud.height, cloud.width, cloud.point_step
    row_step = cloud.row_step or width * point_step  # some drivers leave it zero
    if height * width == 0:
        return np.empty((0, 0), dtype)
    if field.offset + dtype.itemsize > point_step:
        raise ValueError(f"PointCloud2 field {name!r} ends beyond point_step = {point_step} bytes")
    if height > 1 and row_step < width * point_step:
        raise ValueError(f"PointCloud2 row_step = {row_step} is less than width * point_step = {width * point_step}")
    needed = (height - 1) * row_step + width * point_step
    if len(cloud.data) < needed:
        raise ValueError(f"PointCloud2 is truncated: {len(cloud.data)} bytes of {needed}")
    return np.ndarray((height, width), dtype, cloud.data, field.offset, (row_step, point_step))


def _joined(columns: list[NDArray[Any]]) -> Points:
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
