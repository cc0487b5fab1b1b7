"""Bags of other ages: ROS 1, definitions that have changed, bags that hold no definitions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.datasets.rosbag.cdr import CdrConverter
from isometry.datasets.rosbag.drive import TOPICS, write_drive
from isometry.datasets.rosbag.message_types import DETECTIONS, POINT_CLOUD
from isometry.datasets.rosbag.reader import open_bag, read_clouds, read_poses, summarise, topic_types
from isometry.datasets.rosbag.transforms import read_transforms


@pytest.fixture(scope="module")
def bag(simulated_kitti: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "drive"
    write_drive(path, KittiOdometry(simulated_kitti, "00"), slice(0, 4))
    return path


@pytest.fixture(scope="module")
def ros1_bag(bag: Path, write_as_ros1: Callable[[Path, Path, tuple[str, ...]], None]) -> Path:
    path = bag.with_name("drive.bag")
    write_as_ros1(bag, path, TOPICS)
    return path


def in_cdr(path: Path) -> list[tuple[str, int, bytes]]:
    with open_bag(path) as reader:
        cdr = CdrConverter(reader)
        for connection in reader.connections:
            cdr.check(connection)
        return sorted((c.topic, time_ns, cdr.convert(c, raw)) for c, time_ns, raw in reader.messages())


def test_a_bag_of_ros_1_has_the_messages_that_ros_2_would_have_recorded(bag: Path, ros1_bag: Path) -> None:
    assert in_cdr(ros1_bag) == in_cdr(bag)
    assert topic_types(ros1_bag) == topic_types(bag)
    assert summarise(ros1_bag).topics == summarise(bag).topics


@pytest.mark.parametrize("topic", ["/odom", "/ground_truth/pose"])
def test_poses_and_clouds_are_read_from_ros_1_too(bag: Path, ros1_bag: Path, topic: str) -> None:
    np.testing.assert_array_equal(read_poses(ros1_bag, topic).poses, read_poses(bag, topic).poses)
    path, expected_path = (read_transforms(each).path("odom", "lidar") for each in (ros1_bag, bag))
    np.testing.assert_array_equal(path.poses, expected_path.poses)
    for (stamp_ns, points), (expected_ns, expected) in zip(read_clouds(ros1_bag), read_clouds(bag), strict=True):
        assert stamp_ns == expected_ns
        np.testing.assert_array_equal(points, expected)


def test_a_message_of_ros_1_that_is_cut_off_is_named(tmp_path: Path) -> None:
    store = get_typestore(Stores.ROS1_NOETIC)
    with Ros1Writer(tmp_path / "cut.bag") as writer:
        writer.write(writer.add_connection("/points", POINT_CLOUD, typestore=store), 1, b"\x01\x00\x00\x00\x02")
    with pytest.raises(DatasetError, match=r"cut\.bag: a message on /points is broken"):
        in_cdr(tmp_path / "cut.bag")


def test_a_type_whose_definition_has_changed_is_refused_by_name(tmp_path: Path) -> None:
    """Before Humble, a detection had the number of its class in place of a name."""
    store = get_typestore(Stores.ROS2_FOXY)
    older = "std_msgs/Header header\nint64 id\nfloat64 score"
    store.register(get_types_from_msg(older, "vision_msgs/msg/Detection3D"))
    store.register(get_types_from_msg("std_msgs/Header header\nDetection3D[] detections", DETECTIONS))
    with Writer(tmp_path / "old", version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        writer.add_connection("/detections", DETECTIONS, typestore=store)
    with pytest.raises(DatasetError, match=r"/detections was recorded with another definition of vision_msgs"):
        in_cdr(tmp_path / "old")


def test_a_type_that_no_node_reads_is_refused_by_name(tmp_path: Path) -> None:
    store = get_typestore(Stores.ROS1_NOETIC)
    store.register(get_types_from_msg("uint8 line", "livox_ros_driver/msg/CustomMsg"))
    with Ros1Writer(tmp_path / "livox.bag") as writer:
        writer.add_connection("/livox/lidar", "livox_ros_driver/msg/CustomMsg", typestore=store)
    with pytest.raises(
        DatasetError, match=r"/livox/lidar is of type livox_ros_driver/msg/CustomMsg, which no node reads"
    ):
        in_cdr(tmp_path / "livox.bag")


def test_a_bag_without_definitions_is_read_by_those_of_ros_2(bag: Path, tmp_path: Path) -> None:
    """As Humble and earlier distributions write .db3 files."""
    path = tmp_path / "humble"
    with open_bag(bag) as reader, Writer(path, version=8, storage_plugin=StoragePlugin.SQLITE3) as writer:
        copies = {
            c.id: writer.add_connection(c.topic, c.msgtype, typestore=reader.typestore) for c in reader.connections
        }
        for connection, time_ns, raw in reader.messages():
            writer.write(copies[connection.id], time_ns, raw)
    with closing(sqlite3.connect(path / "humble.db3")) as database, database:
        database.execute("DELETE FROM message_definitions")
    with open_bag(path) as reader:
        assert not any(connection.msgdef.data for connection in reader.connections)
    assert in_cdr(path) == in_cdr(bag)
