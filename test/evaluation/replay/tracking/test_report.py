"""Bags of scans and of detections through the tracking node, over real DDS, and what is reported of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.datasets.rosbag.drive import write_drive
from isometry.datasets.rosbag.writer import START_NS, new_bag
from isometry.evaluation.replay.inputs import Topics
from isometry.evaluation.replay.recording import TrackingRecording
from isometry.evaluation.replay.replay import replay
from isometry.evaluation.replay.tracking.figures import figures

pytest.importorskip("rclpy", reason="needs ROS 2: rclpy is not installed")

TENTH = 100_000_000


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
    report = json.loads((out / "report.json").read_text())
    assert (report["scans"], report["answered"], report["drops"]) == (12, 12, 0)
    assert "<h2>From above</h2>" in (out / "report.html").read_text()


def test_detections_are_played_in_place_of_scans(tmp_path: Path) -> None:
    """A car at 10 m/s, and no odometry: the tracks are in the frame of the robot."""
    bag = tmp_path / "detections"
    write_detections(bag)
    recording = replay(TrackingRecording, bag, tmp_path / "node.log", 0.0, topics=Topics(detections="/detections"))
    np.testing.assert_array_equal(recording.answer_stamps_ns, START_NS + TENTH * np.arange(10))
    assert str(recording.frame) == "base_link"
    assert set(recording.labels) == {"car"}
    assert len(np.unique(recording.ids)) == 1
    np.testing.assert_allclose(recording.boxes[:, 0], 5.0 + recording.answers, atol=0.2)
    measured = figures(recording)
    assert (measured["ids"], measured["tracks_median"]) == (1, 1.0)


def write_detections(path: Path) -> None:
    """Ten messages of a car that drives away."""
    with new_bag(path, ["/detections", "/tf_static"]) as bag:
        bag.sensor_mount(START_NS)
        for k in range(10):
            box = np.array([[5.0 + k, 2.0, 0.8, 4.0, 1.8, 1.5, 0.0]])
            bag.detections(START_NS + k * TENTH, box, np.array([0.9]), ["car"])


def test_what_cannot_be_replayed_is_named(tmp_path: Path) -> None:
    bag = tmp_path / "detections"
    write_detections(bag)
    with pytest.raises(DatasetError, match="0 topics of sensor_msgs/msg/PointCloud2"):
        replay(TrackingRecording, bag, tmp_path / "node.log")
    arguments = ["run", "tracking", "--bag", str(bag), "--out", str(tmp_path), "--parameter", "input"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code != 0
    assert "'input' is not of the form NAME=VALUE" in done.output
