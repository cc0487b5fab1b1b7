"""PointCloud2 messages out of arrays; `isometry.sensing.point_cloud2` reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header


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
