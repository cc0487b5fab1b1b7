"""Where sensors are on the robot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isometry.geometry import se3
from isometry.nodes.runtime.sensor_poses import SensorPoses
from isometry.nodes.runtime.transforms import TransformBuffer, TransformError

T_BASE_LIDAR = se3.from_rotation_translation(Rotation.random(random_state=0).as_matrix(), np.array([1.0, 2.0, 3.0]))


@pytest.fixture
def transforms() -> TransformBuffer:
    buffer = TransformBuffer()
    buffer.insert("base_link", "lidar", T_BASE_LIDAR, 0, static=True)
    return buffer


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_points_are_brought_into_the_base_frame_and_keep_their_type(transforms: TransformBuffer, dtype: type) -> None:
    points: NDArray[Any] = np.random.default_rng(0).normal(size=(20, 3)).astype(dtype)
    given = points.copy()
    in_base, T_base_sensor = SensorPoses(transforms, "base_link", "tf", 0.0).in_base_frame(points, "lidar", 5)
    assert np.allclose(T_base_sensor, T_BASE_LIDAR)
    assert in_base.dtype == dtype
    assert np.allclose(in_base, se3.apply(T_BASE_LIDAR, given), atol=1e-5)
    assert np.array_equal(points, given)


@pytest.mark.parametrize(("source", "frame"), [("identity", "nobody knows"), ("tf", "base_link")])
def test_points_that_are_there_already_are_not_touched(transforms: TransformBuffer, source: str, frame: str) -> None:
    points = np.ones((5, 3))
    in_base, T_base_sensor = SensorPoses(transforms, "base_link", source, 0.0).in_base_frame(points, frame, 5)
    assert in_base is points
    assert np.array_equal(T_base_sensor, np.eye(4))


def test_a_frame_that_nobody_knows_is_named(transforms: TransformBuffer) -> None:
    with pytest.raises(TransformError, match="'radar'"):
        SensorPoses(transforms, "base_link", "tf", 0.0).pose("radar", 5)
