"""`isometry bag from-rgbd` and `isometry run depth-egomotion`, through a real node over DDS, as a user calls them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.reader import topic_types
from isometry.evaluation.replay.depth_egomotion.inputs import choose_camera_topics
from isometry.evaluation.replay.recording import DepthEgomotionRecording
from isometry.geometry import se3
from isometry.geometry.optical import looking_along_x
from isometry.simulation.painted_room import walk_pose, write_walk

pytest.importorskip("rclpy", reason="needs ROS 2: rclpy is not installed")

IMAGES = 12
NOT_ASKED = dict.fromkeys(("image", "depth", "camera_info", "depth_camera_info", "labels", "detections"), "")


def call(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "200"})
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("walks") / "walk"
    write_walk(root, IMAGES)
    return root


@pytest.fixture(scope="module")
def bag(walk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "walk"
    code, said = call("bag", "from-rgbd", path, "--tum", walk)
    assert code == 0, said
    return path


def test_a_walk_becomes_its_path_with_keyframes(bag: Path, tmp_path: Path) -> None:
    code, said = call("run", "depth-egomotion", "--bag", bag, "--out", tmp_path, "--rate", "0")
    assert code == 0, said
    figures = json.loads((tmp_path / "report.json").read_text())
    assert (figures["answered"], figures["lost"], figures["refused"]) == (IMAGES, 0, 0)
    assert figures["path_error_m"] < 0.003
    assert figures["given"]["base_frame"] == ""  # there is no robot in the bag
    recording = DepthEgomotionRecording.load(tmp_path / "recording.npz")
    for k, pose in enumerate(recording.T_odom_base):
        metres, radians = se3.distance(pose, looking_along_x() @ se3.inverse(walk_pose(0)) @ walk_pose(k))
        assert metres < 0.005
        assert np.degrees(radians) < 0.3
    assert 1 <= len(recording.T_map_keyframe) == figures["keyframes"]
    assert set(recording.keyframe_stamps_ns) <= set(recording.scan_stamps_ns)
    assert "Keyframes in the map" in (tmp_path / "report.html").read_text()


def test_a_parameter_that_is_none_is_refused(bag: Path, tmp_path: Path) -> None:
    wrong = ["--parameter", "max_dept=3.0"]
    code, said = call("run", "depth-egomotion", "--bag", bag, "--out", tmp_path, "--rate", "0", *wrong)
    assert code == 1
    assert "no parameter 'max_dept'; the nearest is 'max_depth'" in said


def test_what_follows_from_a_bag_and_what_it_lacks(bag: Path) -> None:
    types = topic_types(bag)
    topics, follows = choose_camera_topics(bag, types, NOT_ASKED, {})
    assert topics == {
        "image": "/image", "camera_info": "/camera_info",
        "depth": "/depth", "depth_camera_info": "/depth_camera_info",
    }  # fmt: skip
    assert (follows["mode"], follows["base_frame"]) == ("rgbd", "")
    assert choose_camera_topics(bag, types, NOT_ASKED, {"sensor_pose": "identity"})[1]["base_frame"] == "base_link"
    alone, follows = choose_camera_topics(bag, types, NOT_ASKED, {"mode": "mono"})
    assert alone == {"image": "/image", "camera_info": "/camera_info"}
    registered, _ = choose_camera_topics(bag, types, NOT_ASKED, {"depth_registration": "none"})
    assert "depth_camera_info" not in registered
    without = {topic: kind for topic, kind in types.items() if topic != "/depth"}
    assert choose_camera_topics(bag, without, NOT_ASKED, {})[1]["mode"] == "mono"
    with pytest.raises(DatasetError, match="0 topics of depth images"):
        choose_camera_topics(bag, without, NOT_ASKED, {"mode": "rgbd"})
    with pytest.raises(DatasetError, match="no topic /rgb in it"):
        choose_camera_topics(bag, types, {**NOT_ASKED, "image": "/rgb"}, {})


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "name the recording: either --seven-scenes or --tum"),
        (("--tum", "{}", "--seven-scenes", "{}"), "name the recording: either --seven-scenes or --tum"),
        (("--tum", "{}/nowhere"), "{}/nowhere: no such directory"),
        (("--tum", "{}", "--walk", "2"), "--walk 2: {} has 1, from 0"),
        (("--tum", "{}", "--frames", "90:"), "walk has 12 frames, none of those asked for"),
    ],
)
def test_a_recording_that_cannot_be_written_gets_one_line(
    refusal: Callable[..., str], walk: Path, tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    line = refusal("bag", "from-rgbd", tmp_path / "out", *(argument.format(walk) for argument in arguments))
    assert line == reason.format(walk)
    assert not (tmp_path / "out").exists()
