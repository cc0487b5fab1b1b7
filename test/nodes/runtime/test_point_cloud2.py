"""PointCloud2 messages of ROS: written, and read by the decoder that knows no ROS."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from isometry.nodes.runtime.point_cloud2 import encode_xyz
from isometry.sensing.point_cloud2 import decode_xyz


def test_what_is_encoded_is_decoded() -> None:
    points = np.random.default_rng(1).normal(size=(100, 3))
    before = points.copy()
    message = encode_xyz(points, Header(frame_id="lidar"))
    assert np.array_equal(decode_xyz(message), points.astype(np.float32))
    assert np.array_equal(points, before)
    assert (message.header.frame_id, message.width, message.height, message.row_step) == ("lidar", 100, 1, 1200)


def test_a_message_is_not_copied_to_be_read() -> None:
    message: PointCloud2 = encode_xyz(np.random.default_rng(0).normal(size=(1000, 3)), Header())
    assert np.shares_memory(decode_xyz(message), np.frombuffer(message.data, np.uint8))
