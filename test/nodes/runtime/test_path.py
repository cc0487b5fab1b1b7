"""Serialised paths, against what ROS reads of them."""

from __future__ import annotations

import numpy as np
import pytest
from nav_msgs.msg import Path
from rclpy.serialization import deserialize_message

from isometry.geometry import se3
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.path import to_serialized_path


def poses(count: int) -> np.ndarray:
    random = np.random.default_rng(0)
    return np.array([se3.from_planar(*random.normal(size=3)) for _ in range(count)]).reshape(-1, 4, 4)


@pytest.mark.parametrize("count", [0, 1, 2, 25])
@pytest.mark.parametrize("frame", ["map", "m", "ma", "maps", "robot_1/map", "Straße"])
def test_a_serialised_path_is_read_as_the_message(count: int, frame: str) -> None:
    T = poses(count)
    stamps = [k * 1_234_567_890 for k in range(count)]
    path = deserialize_message(to_serialized_path(T, stamps, frame, 77_000_000_001), Path)
    assert (path.header.frame_id, messages.stamp_ns(path.header.stamp)) == (frame, 77_000_000_001)
    assert [messages.stamp_ns(pose.header.stamp) for pose in path.poses] == stamps
    assert {pose.header.frame_id for pose in path.poses} <= {frame}
    for pose, expected in zip(path.poses, T, strict=True):
        assert np.allclose(messages.from_pose(pose.pose), expected, atol=1e-12)
