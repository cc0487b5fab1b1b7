"""The launch file of depth and ego-motion."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from isometry.nodes.depth_egomotion.parameters import DepthEgomotionNodeParameters

if TYPE_CHECKING:
    from test.launch.conftest import PlayLaunch

NAME = "depth_egomotion.launch.py"


def test_defaults_follow_the_base_by_colour_and_depth(play_launch: PlayLaunch) -> None:
    nodes = play_launch.nodes(NAME)
    assert list(nodes) == ["/depth_egomotion"]
    node = nodes["/depth_egomotion"]
    assert (node["pkg"], node["exec"]) == ("isometry", "depth_egomotion_node")
    defaults = {each.name: each.default for each in fields(DepthEgomotionNodeParameters)}
    for name in ("mode", "method", "depth_registration", "base_frame", "sensor_pose", "publish_tf", "publish_map"):
        assert node["params"][name] == defaults[name], name
    assert "depth_unit" in node["params_files"][0]
    assert "FASTDDS_DEFAULT_PROFILES_FILE" in {item["name"] for item in node["env"]}


@pytest.mark.parametrize("name", ["mode", "method", "depth_registration", "sensor_pose"])
def test_every_choice_of_a_parameter_can_be_launched(play_launch: PlayLaunch, name: str) -> None:
    (parameter,) = [each for each in fields(DepthEgomotionNodeParameters) if each.name == name]
    for choice in parameter.metadata["choices"]:
        assert play_launch.nodes(NAME, f"{name}:={choice}")["/depth_egomotion"]["params"][name] == choice


def test_arguments_reach_the_node(play_launch: PlayLaunch) -> None:
    topics = ["namespace:=robot", "image:=/camera/color/image_raw", "depth:=/camera/depth/image_raw", "odom:=visual"]
    node = play_launch.nodes(NAME, *topics, "mode:=mono", "base_frame:=", "publish_map:=false")[
        "/robot/depth_egomotion"
    ]
    for remapped in (("image", "/camera/color/image_raw"), ("depth", "/camera/depth/image_raw"), ("odom", "visual")):
        assert {"from": remapped[0], "to": remapped[1]} in node["remaps"]
    expected = {"mode": "mono", "base_frame": "", "publish_map": False}
    assert {name: node["params"][name] for name in expected} == expected
