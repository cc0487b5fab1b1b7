"""RViz beside a node: the topics of its view are those of the node."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from test.launch.conftest import PlayLaunch

INPUTS = {
    "depth_egomotion": {"image": "/camera/color/image_raw"},
    "object_pose": {"image": "/camera/color/image_raw"},
    "place_recognition": {"points": "/velodyne"},
    "relocalization": {"points": "/velodyne", "odom": "wheels/odom", "initialpose": "/initial_pose"},
    "tracking": {"points": "/velodyne"},
}


@pytest.mark.parametrize("capability", sorted(INPUTS))
def test_a_view_follows_the_namespace_and_the_inputs_of_its_node(play_launch: PlayLaunch, capability: str) -> None:
    inputs = INPUTS[capability]
    remapped = [f"{name}:={topic}" for name, topic in inputs.items()]
    nodes = play_launch.nodes(f"{capability}.launch.py", "rviz:=true", "namespace:=robot", *remapped)
    (rviz,) = (node for node in nodes.values() if node["exec"] == "rviz2")
    node = nodes[f"/robot/{capability}"]
    assert f"/robot/{capability}_rviz" in nodes
    assert {(item["from"], item["to"]) for item in rviz["remaps"]} >= set(inputs.items())
    assert rviz["remaps"] == node["remaps"]
    (view,) = (Path(argument) for argument in rviz["args"] if str(argument).endswith(".rviz"))
    assert view.name == f"{capability}.rviz"
    manager = yaml.safe_load(view.read_text())["Visualization Manager"]
    topics = {item["Topic"]["Value"] for item in manager["Displays"] + manager["Tools"] if "Topic" in item}
    assert inputs.keys() <= topics
    assert not any(topic.startswith("/") for topic in topics)  # an absolute name would be in no namespace


@pytest.mark.parametrize("capability", sorted(INPUTS))
def test_rviz_is_started_only_when_asked_for(play_launch: PlayLaunch, capability: str) -> None:
    nodes = play_launch.nodes(f"{capability}.launch.py")
    assert "rviz2" not in {node["exec"] for node in nodes.values()}
