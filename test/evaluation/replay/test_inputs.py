"""What a bag gives to a node: bags as robots record them, with frames and topics of other names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.writer import BagWriter, new_bag
from isometry.evaluation.replay.inputs import Topics, choose_inputs
from isometry.geometry import se3

MOUNT = se3.from_planar(0.5, 0.0, 0.0)
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a bag of scans in a frame, with transforms (parent, frame), and (parent, frame, T) that do not move."""

    def write(
        frame: str,
        moving: Sequence[tuple[str, str]] = (),
        static: Sequence[tuple[str, str, Array]] = (),
        odom: bool = False,
    ) -> Path:
        topics = ["/points", *(["/tf"] if moving or odom else []), *(["/tf_static"] if static else [])]
        with new_bag(tmp_path / "bag", [*topics, *(["/odom"] if odom else [])]) as bag:
            for edge in static:
                bag.transform(0, *edge, static=True)
            for k in range(3):
                _moment(bag, k, frame, moving, odom)
        return tmp_path / "bag"

    return write


def _moment(bag: BagWriter, k: int, frame: str, moving: Sequence[tuple[str, str]], odom: bool) -> None:
    stamp_ns = (k + 1) * 100_000_000
    for parent, child in moving:
        bag.transform(stamp_ns, parent, child, se3.from_planar(0.1 * k, 0.0, 0.0))
    if odom:
        bag.odometry(stamp_ns, np.eye(4))
    bag.points(stamp_ns, np.ones((5, 4), np.float32), frame)


def chosen(bag: Path, node: str = "tracking", **given: str) -> dict[str, str]:
    return choose_inputs(node, bag, Topics(), given).parameters


def test_wheels_on_tf_are_no_odometry(write: Write) -> None:
    bag = write("lidar", [("base_link", "wheel")], [("base_link", "lidar", MOUNT)])
    assert chosen(bag)["odometry"] == "none"
    assert chosen(bag)["publish_tf"] == "true"  # only the node knows where the robot is
    assert chosen(bag, "relocalization", map_file="m.ply")["odometry"] == "none"
    with pytest.raises(DatasetError, match=r"no transforms join odom and base_link.*base_link->wheel.*base_frame=NAME"):
        chosen(bag, "place_recognition")


def test_odometry_is_found_over_frames_between(write: Write) -> None:
    static = [("base_footprint", "base_link", MOUNT), ("base_link", "lidar", MOUNT)]
    bag = write("/lidar", [("/odom", "/base_footprint")], static)
    for node in ("tracking", "place_recognition", "relocalization"):
        assert (chosen(bag, node)["odometry"], chosen(bag, node)["sensor_pose"]) == ("tf", "tf")


def test_frames_of_other_names_are_named_by_parameters(write: Write) -> None:
    bag = write("lidar", [("world", "vehicle")], [("vehicle", "lidar", MOUNT)])
    for node in ("tracking", "lidar_odometry"):
        with pytest.raises(
            DatasetError, match=r"where is the frame 'lidar' of /points.*vehicle->lidar, world->vehicle"
        ):
            chosen(bag, node)
    named = chosen(bag, "place_recognition", base_frame="vehicle", odom_frame="world")
    assert (named["odometry"], named["sensor_pose"], named["base_frame"]) == ("tf", "tf", "vehicle")


def test_what_the_user_gives_goes_before(write: Write) -> None:
    bag = write("lidar", [("odom", "base_link")], [("base_link", "lidar", MOUNT)])
    given = chosen(bag, odometry="none", sensor_pose="identity", publish_tf="false")
    assert (given["odometry"], given["sensor_pose"], given["publish_tf"]) == ("none", "identity", "false")


def test_a_bag_without_transforms_has_its_sensor_at_the_origin(write: Write) -> None:
    bag = write("velodyne")
    assert chosen(bag)["sensor_pose"] == "identity"
    assert chosen(bag)["odometry"] == "none"


@pytest.mark.parametrize("frame", ["", "unheard_of"])
def test_scans_of_a_frame_that_is_nowhere_are_refused_with_the_way_out(write: Write, frame: str) -> None:
    bag = write(frame, [("odom", "base_link")])
    with pytest.raises(DatasetError, match=rf"where is the frame '{frame}'.*sensor_pose=identity"):
        chosen(bag)
    assert chosen(bag, sensor_pose="identity")["odometry"] == "tf"


def test_the_map_of_somebody_else_is_no_odometry(write: Write) -> None:
    """Transforms out of the map's frame are the node's own to publish, and are not played to it."""
    bag = write("base_link", [("map", "base_link")])
    with pytest.raises(DatasetError, match="no transforms join map and base_link"):
        chosen(bag, "place_recognition", odom_frame="map")
    assert choose_inputs("place_recognition", bag, Topics(), {"odometry": "tf"}).not_played == "map"
    assert chosen(bag, "tracking", odom_frame="map")["odometry"] == "tf"


def test_topics_of_another_name_or_type_are_named(write: Write) -> None:
    bag = write("base_link", odom=True)
    with pytest.raises(DatasetError, match=r"no topic /velodyne in it \(sensor_msgs/msg/PointCloud2: /points\)"):
        choose_inputs("tracking", bag, Topics(points="/velodyne"), {})
    with pytest.raises(
        DatasetError, match="/odom is of type nav_msgs/msg/Odometry, expected sensor_msgs/msg/PointCloud2"
    ):
        choose_inputs("tracking", bag, Topics(points="/odom"), {})
    assert choose_inputs("tracking", bag, Topics(odom="/odom"), {}).parameters["odometry"] == "topic"
