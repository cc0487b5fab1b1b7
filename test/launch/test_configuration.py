"""The files in config/, against the nodes that they are for."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import yaml

NODES = ("depth_egomotion", "lidar_odometry", "object_pose", "place_recognition", "relocalization", "tracking")
TOPICS = {
    "depth_egomotion": {"image", "odom", "path", "points", "rectified/depth"},
    "object_pose": {"image", "overlay", "markers"},
    "place_recognition": {"points", "markers", "keyframes", "pose"},
    "relocalization": {"points", "map_points", "odom", "pose"},
    "tracking": {"points", "markers"},
}


@pytest.mark.parametrize(
    "name", ["depth_egomotion", "lidar_odometry", "object_pose", "place_recognition", "relocalization", "tracking"]
)
def test_a_parameter_file_names_parameters_that_exist(repository: Path, name: str) -> None:
    (values,) = yaml.safe_load((repository / "config" / f"{name}.yaml").read_text()).values()
    node = import_module(f"isometry.nodes.{name}.node")
    known = {prefix + field for prefix, kind in node.PARAMETERS for field in kind.__dataclass_fields__}
    assert values["ros__parameters"]
    assert set(values["ros__parameters"]) <= known


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_a_view_shows_the_topics_of_the_node(repository: Path, name: str) -> None:
    view = yaml.safe_load((repository / "config" / f"{name}.rviz").read_text())
    displays = view["Visualization Manager"]["Displays"]
    assert {display["Topic"]["Value"] for display in displays if "Topic" in display} == TOPICS[name]
