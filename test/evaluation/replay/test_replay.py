"""The player, the recorder and the node as the processes that they are, over real DDS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.datasets.rosbag.drive import write_drive
from isometry.evaluation.replay.inputs import Topics
from isometry.evaluation.replay.place_recognition.judgement import judge
from isometry.evaluation.replay.processes import ReplayError
from isometry.evaluation.replay.recording import PlaceRecognitionRecording
from isometry.evaluation.replay.replay import replay
from isometry.place_recognition.mapping import PlaceMapperParameters

pytest.importorskip("rclpy", reason="needs ROS 2: rclpy is not installed")


@pytest.fixture(scope="module")
def bag(simulated_kitti: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "drive"
    write_drive(path, KittiOdometry(simulated_kitti, "00"))
    return path


def test_each_scan_is_answered_and_the_stamps_come_back_as_in_the_bag(bag: Path, tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    log = tmp_path / "node.log"
    recording = replay(
        PlaceRecognitionRecording, bag, log, 0.0, advance=lambda done, total: progress.append((done, total))
    )
    assert len(recording.scan_stamps_ns) == 12
    np.testing.assert_array_equal(recording.answer_stamps_ns, recording.scan_stamps_ns)
    np.testing.assert_array_equal(recording.keyframe_stamps_ns, recording.scan_stamps_ns)  # 5 m apart
    assert progress[-1] == (12, 12)
    assert (recording.latency_s > 0.0).all()
    assert recording.diagnostics["provider"] == "CPUExecutionProvider"
    assert int(recording.diagnostics["processed"]) == 12
    assert "ok" in recording.report_states
    judgement = judge(bag, recording, PlaceMapperParameters())
    assert judgement is not None
    first = np.linalg.inv(judgement.T_world_keyframe[0])
    np.testing.assert_allclose(recording.T_map_keyframe, first @ judgement.T_world_keyframe, atol=1e-6)


def test_why_a_node_does_not_start_is_reported(bag: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.onnx"
    with pytest.raises(ReplayError, match=r"model_mismatch.*missing\.onnx"):
        replay(PlaceRecognitionRecording, bag, tmp_path / "node.log", 0.0, parameters={"model_file": missing})


def test_a_node_that_ends_is_noticed(bag: Path, tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="keyframe_distance"):
        replay(PlaceRecognitionRecording, bag, tmp_path / "node.log", 0.0, parameters={"keyframe_distance": -1.0})


def test_what_is_no_bag_or_has_no_such_topic_is_named(bag: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such file"):
        replay(PlaceRecognitionRecording, tmp_path / "missing", tmp_path / "node.log")
    with pytest.raises(DatasetError, match=r"no topic /velodyne"):
        replay(PlaceRecognitionRecording, bag, tmp_path / "node.log", topics=Topics(points="/velodyne"))
    with pytest.raises(ValueError, match="rate"):
        replay(PlaceRecognitionRecording, bag, tmp_path / "node.log", -1.0)
