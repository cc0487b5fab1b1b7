"""The launch file of object poses."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from isometry.nodes.object_pose.parameters import ObjectPoseNodeParameters

if TYPE_CHECKING:
    from test.launch.conftest import PlayLaunch

NAME = "object_pose.launch.py"


def test_defaults_find_objects_in_boxes(play_launch: PlayLaunch) -> None:
    nodes = play_launch.nodes(NAME)
    assert list(nodes) == ["/object_pose"]
    node = nodes["/object_pose"]
    assert (node["pkg"], node["exec"]) == ("isometry", "object_pose_node")
    expected = {
        "objects": "objects", "input": "detections", "class_names": "", "depth_registration": "auto",
        "output_frame": "camera", "publish_tf": True, "autostart": True, "use_sim_time": False,
    }  # fmt: skip
    assert {name: node["params"][name] for name in expected} == expected
    assert "depth_unit" in node["params_files"][0]
    assert "FASTDDS_DEFAULT_PROFILES_FILE" in {item["name"] for item in node["env"]}


@pytest.mark.parametrize("name", ["input", "depth_registration", "output_frame"])
def test_every_choice_of_a_parameter_can_be_launched(play_launch: PlayLaunch, name: str) -> None:
    (parameter,) = [each for each in fields(ObjectPoseNodeParameters) if each.name == name]
    for choice in parameter.metadata["choices"]:
        assert play_launch.nodes(NAME, f"{name}:={choice}")["/object_pose"]["params"][name] == choice


def test_arguments_reach_the_node(play_launch: PlayLaunch) -> None:
    arguments = ["namespace:=robot", "image:=/camera/color/image_raw", "depth:=/camera/depth/image_rect_raw"]
    own = ["objects:=/a b/objects", "input:=labels", "class_names:=1=mug", "output_frame:=odom"]
    node = play_launch.nodes(NAME, *arguments, *own)["/robot/object_pose"]
    assert {"from": "image", "to": "/camera/color/image_raw"} in node["remaps"]
    assert {"from": "depth", "to": "/camera/depth/image_rect_raw"} in node["remaps"]
    expected = {"objects": "/a b/objects", "input": "labels", "class_names": "1=mug", "output_frame": "odom"}
    assert {name: node["params"][name] for name in expected} == expected
