"""`isometry run object-pose` on a whole bag, through a real node over DDS, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.datasets.bop.scenes import open_scenes
from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.bop import write_bop_scene
from isometry.datasets.rosbag.reader import topic_types
from isometry.evaluation.replay.object_pose.inputs import choose_image_topics
from isometry.evaluation.replay.recording import ObjectPoseRecording
from isometry.geometry import se3

pytest.importorskip("rclpy", reason="needs ROS 2: rclpy is not installed")

NOT_ASKED = dict.fromkeys(("image", "depth", "detections", "labels", "camera_info", "depth_camera_info"), "")


def call(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "200"})
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def bag(simulated_bop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "table"
    code, said = call("bag", "from-bop", path, "--bop", simulated_bop)
    assert code == 0, said
    return path


@pytest.fixture(scope="module")
def objects(simulated_bop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("objects")
    for number in (1, 2):
        mesh = simulated_bop / f"models/obj_{number:06d}.ply"
        code, said = call("object", "add", mesh, "--to", folder, "--unit", "mm")
        assert code == 0, said
    return folder


def test_boxes_in_a_bag_become_the_true_poses(bag: Path, objects: Path, simulated_bop: Path, tmp_path: Path) -> None:
    patient = ["--rate", "0", "--parameter", "time_limit=60.0"]  # the machine may be busy
    code, said = call("run", "object-pose", "--objects", objects, "--bag", bag, "--out", tmp_path, *patient)
    assert code == 0, said
    figures: dict[str, Any] = json.loads((tmp_path / "report.json").read_text())
    assert (figures["answered"], sorted(figures["objects"])) == (2, ["obj_000001_1", "obj_000002_1"]), figures
    assert "obj_000001_1" in (tmp_path / "report.html").read_text()
    recording = ObjectPoseRecording.load(tmp_path / "recording.npz")
    (scene,) = open_scenes(simulated_bop)
    for answer, frame in enumerate(scene.frames):
        for instance in frame.instances:
            row = (recording.answers == answer) & (recording.names == f"obj_{instance.object_number:06d}_1")
            metres, radians = se3.distance(recording.T_frame_object[row][0], instance.T_camera_object)
            assert metres < 0.005
            assert np.degrees(radians) < 5.0
    code, said = call("view", bag, "--recording", tmp_path / "recording.npz")
    assert code == 1
    assert "see report.html" in said


def test_a_replay_without_a_pose_fails_with_the_reason(bag: Path, objects: Path, tmp_path: Path) -> None:
    own = ["--labels", "/labels", "--parameter", "class_names=1=mug,2=jar"]
    code, said = call("run", "object-pose", "--objects", objects, "--bag", bag, "--rate", "0", "--out", tmp_path, *own)
    assert code == 1
    assert "no object has a pose" in said
    assert "mug: unknown: no mesh of that name is known" in said


def test_a_folder_without_meshes_is_named_before_anything_starts(bag: Path, tmp_path: Path) -> None:
    code, said = call("run", "object-pose", "--objects", tmp_path, "--bag", bag)
    assert code == 1
    assert "no mesh in it" in said


def test_what_a_bag_lacks_is_named(bag: Path, simulated_bop: Path, tmp_path: Path) -> None:
    types = topic_types(bag)
    topics, parameters = choose_image_topics(bag, types, NOT_ASKED, {})
    assert topics == {
        "image": "/image", "depth": "/depth", "detections": "/boxes",
        "camera_info": "/camera_info", "depth_camera_info": "/depth_camera_info",
    }  # fmt: skip
    assert parameters == {"input": "detections"}
    registered, _ = choose_image_topics(bag, types, NOT_ASKED, {"depth_registration": "none", "input": "labels"})
    assert (registered["labels"], "depth_camera_info" in registered) == ("/labels", False)

    def without(*names: str) -> dict[str, str]:
        return {topic: kind for topic, kind in types.items() if topic not in names}

    for lacking, said in (
        (("/depth",), "0 topics of depth images"),
        (("/boxes", "/labels"), "0 topics of label images"),
        (("/camera_info", "/depth_camera_info"), "no /camera_info for /image"),
    ):
        with pytest.raises(DatasetError, match=said):
            choose_image_topics(bag, without(*lacking), NOT_ASKED, {})
    with pytest.raises(DatasetError, match="no topic /rgb in it"):
        choose_image_topics(bag, types, {**NOT_ASKED, "image": "/rgb"}, {})
    with pytest.raises(DatasetError, match="exists already"):
        write_bop_scene(bag, open_scenes(simulated_bop)[0], 10.0)
