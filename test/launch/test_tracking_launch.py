"""The launch file of tracking."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from test.launch.conftest import PlayLaunch


def test_tracking_comes_with_odometry_so_that_no_other_package_is_needed(play_launch: PlayLaunch) -> None:
    nodes = play_launch.nodes("tracking.launch.py", "points:=/velodyne")
    assert sorted(nodes) == ["/lidar_odometry", "/tracking"]
    node = nodes["/tracking"]
    assert (node["pkg"], node["exec"]) == ("isometry", "tracking_node")
    expected = {"input": "points", "odometry": "tf", "publish_tf": False, "autostart": True, "use_sim_time": False}
    assert {name: node["params"][name] for name in expected} == expected
    assert nodes["/lidar_odometry"]["params"]["publish_tf"] is True
    assert "min_range" in nodes["/lidar_odometry"]["params_files"][0]
    assert "odom_frame" in node["params_files"][0]
    for each in nodes.values():
        assert {"from": "points", "to": "/velodyne"} in each["remaps"]
        assert "FASTDDS_DEFAULT_PROFILES_FILE" in {item["name"] for item in each["env"]}


def test_detections_of_any_detector_can_be_tracked_without_points(play_launch: PlayLaunch) -> None:
    arguments = ["input:=detections", "detections:=/centerpoint/boxes", "lidar_odometry:=false", "odometry:=none"]
    nodes = play_launch.nodes("tracking.launch.py", *arguments, "namespace:=robot", "publish_tf:=true")
    assert list(nodes) == ["/robot/tracking"]
    node = nodes["/robot/tracking"]
    expected = {"input": "detections", "odometry": "none", "publish_tf": True}
    assert {name: node["params"][name] for name in expected} == expected
    assert {"from": "detections", "to": "/centerpoint/boxes"} in node["remaps"]
