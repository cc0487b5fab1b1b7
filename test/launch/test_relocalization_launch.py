"""The launch files of relocalisation and of LiDAR odometry."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from test.launch.conftest import PlayLaunch


def test_odometry_starts_itself_and_takes_the_topic(play_launch: PlayLaunch) -> None:
    nodes = play_launch.nodes("lidar_odometry.launch.py", "points:=/velodyne", "namespace:=robot", "publish_tf:=false")
    assert list(nodes) == ["/robot/lidar_odometry"]
    node = nodes["/robot/lidar_odometry"]
    assert (node["pkg"], node["exec"]) == ("isometry", "lidar_odometry_node")
    assert {"from": "points", "to": "/velodyne"} in node["remaps"]
    expected = {"publish_tf": False, "autostart": True, "use_sim_time": False}
    assert {name: node["params"][name] for name in expected} == expected
    assert "min_range" in node["params_files"][0]


def test_relocalization_comes_with_odometry_so_that_no_other_package_is_needed(play_launch: PlayLaunch) -> None:
    nodes = play_launch.nodes(
        "relocalization.launch.py", "map_file:=/a b/town.pcd", "points:=/velodyne", "publish_tf:=false"
    )
    assert sorted(nodes) == ["/lidar_odometry", "/relocalization"]
    node = nodes["/relocalization"]
    expected = {
        "map_file": "/a b/town.pcd", "memory_file": "", "odometry": "tf", "publish_tf": False,
        "publish_initialpose": False, "autostart": True,
    }  # fmt: skip
    assert {name: node["params"][name] for name in expected} == expected
    assert nodes["/lidar_odometry"]["params"]["publish_tf"] is True
    assert "min_range" in nodes["/lidar_odometry"]["params_files"][0]
    assert "level_map" in node["params_files"][0]
    for each in nodes.values():
        assert {"from": "points", "to": "/velodyne"} in each["remaps"]
        values = {item["name"]: item["value"] for item in each["env"]}
        assert "FASTDDS_DEFAULT_PROFILES_FILE" in values


def test_a_robot_with_odometry_of_its_own_leaves_ours_out(play_launch: PlayLaunch) -> None:
    arguments = ["memory_file:=/town.places", "lidar_odometry:=false", "odometry:=topic", "initialpose:=/set_pose"]
    nodes = play_launch.nodes("relocalization.launch.py", *arguments)
    assert list(nodes) == ["/relocalization"]
    assert nodes["/relocalization"]["params"]["odometry"] == "topic"
    assert {"from": "initialpose", "to": "/set_pose"} in nodes["/relocalization"]["remaps"]
