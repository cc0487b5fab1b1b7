"""A replay of depth and ego-motion in the browser: what the server holds for each image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isometry.datasets.rgbd.tum import open_tum
from isometry.datasets.rosbag.rgbd import write_camera_recording
from isometry.datasets.rosbag.writer import START_NS
from isometry.evaluation.replay.depth_egomotion.clouds import colour_clouds
from isometry.evaluation.replay.depth_egomotion.report import figures, headline, write_report
from isometry.evaluation.replay.odometry.judgement import judge
from isometry.evaluation.replay.recording import DepthEgomotionRecording, load_recording
from isometry.geometry import se3
from isometry.geometry.optical import looking_along_x
from isometry.simulation.painted_room import HALF_SIZE_M, walk_pose, write_walk

TENTH = 100_000_000
IMAGES = 4
TOPICS = {topic: f"/{topic}" for topic in ("image", "depth", "camera_info", "depth_camera_info")}


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("walks")
    write_walk(root / "walk", IMAGES)
    write_camera_recording(root / "bag", open_tum(root / "walk"))
    return root / "bag"


@pytest.fixture
def recording() -> DepthEgomotionRecording:
    """The true poses of all images, of which the first and the third are keyframes."""
    stamps = START_NS + TENTH * np.arange(IMAGES)
    poses = np.array([looking_along_x() @ se3.inverse(walk_pose(0)) @ walk_pose(k) for k in range(IMAGES)])
    return DepthEgomotionRecording(
        scan_stamps_ns=stamps,
        lateness_s=np.zeros(IMAGES),
        answer_stamps_ns=stamps,
        latency_s=np.full(IMAGES, 0.01),
        given={**TOPICS, "base_frame": ""},
        report_scans=np.array([1, 2]),
        report_states=np.array(["ok", "lost"]),
        diagnostics={"processed": "4", "refused": "0", "keyframes": "2", "loops": "0", "lost": "1"},
        problems={},
        T_odom_base=poses,
        covariances=np.tile(1e-4 * np.eye(6), (IMAGES, 1, 1)),
        keyframe_stamps_ns=stamps[::2],
        T_map_keyframe=poses[::2],
    )


def test_clouds_lie_on_the_walls_wherever_the_camera_is_mounted(bag: Path) -> None:
    wanted_ns = {START_NS, START_NS + 2 * TENTH}
    for given, T_body_camera in (
        ({"base_frame": ""}, np.eye(4)),
        ({"base_frame": "base_link", "sensor_pose": "identity"}, looking_along_x()),
    ):
        clouds = list(colour_clouds(bag, {**TOPICS, **given}, wanted_ns))
        assert [cloud.stamp_ns for cloud in clouds] == sorted(wanted_ns)
        for k, cloud in zip((0, 2), clouds, strict=True):
            assert 5000 < len(cloud.points) == len(cloud.colours)
            in_room = se3.apply(walk_pose(k) @ se3.inverse(T_body_camera), cloud.points.astype(np.float64))
            np.testing.assert_allclose((np.abs(in_room) / HALF_SIZE_M).max(axis=1), 1.0, atol=1e-3)
    assert list(colour_clouds(bag, {"image": "/image", "camera_info": "/camera_info"}, wanted_ns)) == []


def test_the_slider_chooses_the_image(bag: Path, recording: DepthEgomotionRecording, tmp_path: Path) -> None:
    view = pytest.importorskip("isometry.evaluation.replay.depth_egomotion.view", reason="viser is not installed")
    recording.save(tmp_path / "recording.npz")
    loaded = load_recording(tmp_path / "recording.npz")
    assert isinstance(loaded, DepthEgomotionRecording)
    server = view.show(bag, 0, 1, loaded)

    def handle(name: str) -> Any:
        return server.scene._handle_from_node_name[name]

    try:
        (slider,) = server.gui._gui_input_handle_from_uuid.values()
        np.testing.assert_allclose(handle("/camera").position, 0.0, atol=1e-6)
        first = handle("/cloud").points
        slider.value = 3
        np.testing.assert_allclose(handle("/camera").position, recording.T_odom_base[3, :3, 3], atol=1e-6)
        assert handle("/cloud").points.shape != first.shape or (handle("/cloud").points != first).any()
        assert len(handle("/path").points) == IMAGES - 1
        assert len(handle("/true_path").points) == IMAGES - 1
        assert len(handle("/keyframes/path").points) == 1
    finally:
        server.stop()


def test_a_report_tells_the_error_and_what_happened(
    bag: Path, recording: DepthEgomotionRecording, tmp_path: Path
) -> None:
    judgement = judge(bag, recording, "/ground_truth/pose")
    assert judgement is not None
    found = figures(recording, judgement)
    assert found["path_error_m"] < 1e-6
    assert (found["keyframes"], found["lost"], found["states"]) == (2, 1, ["ok", "lost"])
    assert found["largest_step_m"] == pytest.approx(np.linalg.norm([0.02, 0.004, 0.005]), rel=1e-6)
    made = {"data": "a walk", "date": "today"}
    page = write_report(tmp_path, found, made, recording, judgement).read_text()
    for text in ("error of the odometry", "images lost", "Keyframes in the map"):
        assert text in page
    assert headline(found)[1:3] == [("2", "keyframes, 0 loops"), ("1", "images lost, found again 0 times")]
    alone = figures(replace(recording, diagnostics={}), None)
    assert headline(alone)[0][1] == "length of the path"
