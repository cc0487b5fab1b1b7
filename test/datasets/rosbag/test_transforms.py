"""Transforms of a bag; the buffer that nodes fill from the same transforms is the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.transforms import read_transforms, transform_topics
from isometry.datasets.rosbag.writer import new_bag
from isometry.geometry import se3

SECOND = 1_000_000_000
Edge = tuple[int, str, str, Array]  # nanoseconds, parent, frame, T_parent_frame


def moving(step: int) -> Array:
    return se3.from_planar(1.0 * step, 0.5 * step, 0.1 * step)


def write(path: Path, moving: Sequence[Edge], static: Sequence[Edge] = ()) -> Path:
    with new_bag(path, ["/tf", "/tf_static"]) as bag:
        for edge in static:
            bag.transform(*edge, static=True)
        for edge in moving:
            bag.transform(*edge)
    return path


def test_chains_are_interpolated_as_nodes_do_it(tmp_path: Path) -> None:
    transforms_of_nodes = pytest.importorskip("isometry.nodes.runtime.transforms")
    mount, lift = se3.from_planar(0.3, 0.0, np.pi / 2.0), se3.from_planar(0.0, 0.2, 0.1)
    bag = write(
        tmp_path / "bag",
        [(k * SECOND, "/odom", "base_footprint", moving(k)) for k in range(4)],
        [(0, "base_footprint", "base_link", lift), (0, "base_link", "/lidar", mount)],
    )
    buffer = transforms_of_nodes.TransformBuffer()
    for k in range(4):
        buffer.insert("odom", "base_footprint", moving(k), k * SECOND)
    buffer.insert("base_footprint", "base_link", lift, 0, static=True)
    buffer.insert("base_link", "lidar", mount, 0, static=True)
    transforms = read_transforms(bag)
    stamps = np.array([0, 300_000_000, 1_500_000_000, 3_000_000_000])
    for target, source in (("odom", "lidar"), ("lidar", "odom"), ("base_footprint", "lidar"), ("/odom", "base_link")):
        expected = [buffer.lookup(target, source, int(stamp)) for stamp in stamps]
        np.testing.assert_allclose(transforms.at(target, source, stamps), expected, atol=1e-9)
    path = transforms.path("odom", "lidar")
    np.testing.assert_array_equal(path.stamps_ns, np.arange(4) * SECOND)
    np.testing.assert_allclose(path.poses, [moving(k) @ lift @ mount for k in range(4)], atol=1e-9)


def test_frames_that_are_not_joined_are_named_with_those_that_are(tmp_path: Path) -> None:
    transforms = read_transforms(write(tmp_path / "bag", [(0, "base_link", "wheel", np.eye(4))]))
    assert transforms.joined("base_link", "wheel")
    assert not transforms.joined("odom", "base_link")
    with pytest.raises(DatasetError, match=r"no transforms join odom and base_link \(known: base_link->wheel\)"):
        transforms.at("odom", "base_link", np.zeros(1, np.int64))


def test_the_children_of_a_frame_can_be_left_out(tmp_path: Path) -> None:
    bag = write(tmp_path / "bag", [(0, "map", "odom", np.eye(4)), (0, "odom", "base_link", np.eye(4))])
    assert read_transforms(bag).joined("map", "base_link")
    assert not read_transforms(bag, {"map"}).joined("map", "base_link")


@pytest.mark.parametrize(
    ("topics", "expected"),
    [
        (["/tf", "/tf_static"], ["/tf", "/tf_static"]),
        (["/tf_static", "/other/tf"], ["/tf_static"]),
        (["/robot/tf", "/robot/tf_static"], ["/robot/tf", "/robot/tf_static"]),
        (["/one/tf", "/two/tf"], []),
        ([], []),
    ],
)
def test_the_topics_of_transforms_are_known_by_name_and_type(topics: list[str], expected: list[str]) -> None:
    types: dict[str, Any] = dict.fromkeys(topics, "tf2_msgs/msg/TFMessage")
    assert transform_topics({**types, "/points": "sensor_msgs/msg/PointCloud2"}) == expected
