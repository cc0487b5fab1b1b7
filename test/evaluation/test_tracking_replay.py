"""Bags of scans and of detections through the tracking node, over real DDS, and what is reported of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.datasets.drive_bag import START_NS, write_drive
from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti import KittiOdometry
from isometry.evaluation.recording import TrackingRecording
from isometry.evaluation.replay import replay_tracking
from isometry.evaluation.tracking_replay import figures

pytest.importorskip("rclpy", reason="needs ROS 2: rclpy is not installed")

TENTH = 100_000_000
ARRAY = "vision_msgs/msg/Detection3DArray"


def test_each_scan_of_a_drive_is_answered_and_reported(simulated_kitti: Path, tmp_path: Path) -> None:
    bag = tmp_path / "drive"
    write_drive(bag, KittiOdometry(simulated_kitti, "00"))
    out = tmp_path / "out"
    arguments = [
        "run",
        "tracking",
        "--bag",
        str(bag),
        "--out",
        str(out),
        "--rate",
        "0",
        "--parameter",
        "longest_gap_s=60.0",
    ]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    recording = TrackingRecording.load(out / "recording.npz")
    assert len(recording.scan_stamps_ns) == 12
    np.testing.assert_array_equal(recording.answer_stamps_ns, recording.scan_stamps_ns)
    assert str(recording.frame) == "odom"
    assert (recording.latency_s > 0.0).all()
    assert len(recording.ids) == len(recording.boxes) == len(recording.labels) == len(recording.answers) > 0
    told = json.loads((out / "report.json").read_text())
    assert (told["scans"], told["answered"], told["drops"]) == (12, 12, 0)
    assert "<h2>From above</h2>" in (out / "report.html").read_text()


def test_detections_are_played_in_place_of_scans(repository: Path, tmp_path: Path) -> None:
    """A car at 10 m/s, and no odometry: the tracks are in the frame of the robot."""
    bag = tmp_path / "detections"
    write_detections(bag, repository)
    recording = replay_tracking(bag, tmp_path / "node.log", rate=0.0, detections="/boxes")
    np.testing.assert_array_equal(recording.answer_stamps_ns, START_NS + TENTH * np.arange(10))
    assert str(recording.frame) == "base_link"
    assert set(recording.labels) == {"car"}
    assert len(np.unique(recording.ids)) == 1
    np.testing.assert_allclose(recording.boxes[:, 0], 5.0 + recording.answers, atol=0.2)
    told = figures(recording)
    assert (told["ids"], told["tracks_median"]) == (1, 1.0)


def write_detections(path: Path, repository: Path) -> None:
    """Ten messages of a car, as `ros2 bag record` writes them: the bag says what its messages are made of."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    for file in (repository / "interfaces" / "vision_msgs" / "msg").glob("*.msg"):
        store.register(get_types_from_msg(file.read_text(), f"vision_msgs/msg/{file.stem}"))

    def make(kind: str, *values: Any) -> Any:
        return store.types[kind](*values)

    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/boxes", ARRAY, typestore=store)
        for k in range(10):
            stamp_ns = START_NS + k * TENTH
            header = make("std_msgs/msg/Header", make("builtin_interfaces/msg/Time", *divmod(stamp_ns, 10**9)), "lidar")
            position = make("geometry_msgs/msg/Point", 5.0 + k, 2.0, 0.8)
            pose = make("geometry_msgs/msg/Pose", position, make("geometry_msgs/msg/Quaternion", 0.0, 0.0, 0.0, 1.0))
            box = make("vision_msgs/msg/BoundingBox3D", pose, make("geometry_msgs/msg/Vector3", 4.0, 1.8, 1.5))
            hypothesis = make("vision_msgs/msg/ObjectHypothesis", "car", 0.9)
            uncertain = make("geometry_msgs/msg/PoseWithCovariance", pose, np.zeros(36))
            result = make("vision_msgs/msg/ObjectHypothesisWithPose", hypothesis, uncertain)
            detection = make("vision_msgs/msg/Detection3D", header, [result], box, "")
            writer.write(connection, stamp_ns, store.serialize_cdr(make(ARRAY, header, [detection]), ARRAY))


def test_what_cannot_be_replayed_is_named(repository: Path, tmp_path: Path) -> None:
    bag = tmp_path / "detections"
    write_detections(bag, repository)
    with pytest.raises(DatasetError, match="0 topics of type sensor_msgs/msg/PointCloud2"):
        replay_tracking(bag, tmp_path / "node.log")
    arguments = ["run", "tracking", "--bag", str(bag), "--out", str(tmp_path), "--parameter", "input"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code != 0
    assert "'input' is not of the form NAME=VALUE" in done.output
