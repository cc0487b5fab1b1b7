"""Tracks in the browser: what the server holds for each message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from isometry.datasets.rosbag.writer import START_NS, new_bag
from isometry.evaluation.replay.recording import TrackingRecording, load_recording
from isometry.geometry import se3

view = pytest.importorskip("isometry.evaluation.replay.tracking.view", reason="viser is not installed")

TENTH = 100_000_000


@pytest.fixture
def recording() -> TrackingRecording:
    """Three messages: of a car that drives and one that is parked, then of the first alone, then of none."""
    boxes = np.array([[0.0, 0.0, 1.0, 4.0, 2.0, 2.0, 0.0], [9.0, 5.0, 1.0, 4.0, 2.0, 2.0, np.pi / 2.0]] * 2)
    boxes[2, 0] = 1.5
    stamps = START_NS + TENTH * np.arange(3)
    return TrackingRecording(
        scan_stamps_ns=stamps,
        lateness_s=np.zeros(3),
        answer_stamps_ns=stamps,
        latency_s=np.full(3, 0.01),
        diagnostics={"processed": "3", "refused": "0"},
        given={"odometry": "topic", "odom": "/odom", "points": "/points", "sensor_pose": "identity"},
        report_scans=np.array([1, 2]),
        report_states=np.array(["ok", "ok"]),
        problems={},
        answers=np.array([0, 0, 1]),
        ids=np.array([4, 7, 4]),
        labels=np.array(["car"] * 3),
        confidences=np.full(3, 0.9),
        boxes=boxes[:3],
        frame=np.array("odom"),
        T_frame_base=np.full((3, 4, 4), np.nan),
    )


def test_boxes_are_drawn_by_their_edges(recording: TrackingRecording) -> None:
    edges, colours = view.boxes(recording, 0)
    assert edges.shape == colours.shape == (24, 2, 3)
    lengths = np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1)
    assert sorted(lengths[:12].tolist()) == pytest.approx([2.0] * 8 + [4.0] * 4)
    np.testing.assert_allclose(edges[:12].reshape(-1, 3).min(axis=0), [-2.0, -1.0, 0.0])
    np.testing.assert_allclose(edges[12:].reshape(-1, 3).max(axis=0), [10.0, 7.0, 2.0])
    assert len(np.unique(colours[:12].reshape(-1, 3), axis=0)) == 1
    assert (colours[0] != colours[-1]).any()


def test_the_tail_of_a_track_joins_its_recent_positions(recording: TrackingRecording) -> None:
    assert view.tails(recording, 0)[0].shape == (0, 2, 3)
    segments, colours = view.tails(recording, 1)
    np.testing.assert_allclose(segments, [[[0.0, 0.0, 1.0], [1.5, 0.0, 1.0]]])
    np.testing.assert_array_equal(colours, view.boxes(recording, 1)[1][:1])


def test_the_slider_chooses_the_message(recording: TrackingRecording, tmp_path: Path) -> None:
    with new_bag(tmp_path / "bag", ["/points", "/odom", "/tf"]) as bag:
        for k, stamp_ns in enumerate(recording.scan_stamps_ns):
            bag.odometry(int(stamp_ns), se3.from_planar(10.0 * k, 0.0, 0.0))
            bag.points(int(stamp_ns), np.array([[1.0, 2.0, 3.0, 0.0]], np.float32))
    recording.save(tmp_path / "recording.npz")
    loaded = load_recording(tmp_path / "recording.npz")
    assert isinstance(loaded, TrackingRecording)
    server = view.show(tmp_path / "bag", 0, loaded)

    def shown(name: str) -> NDArray[Any]:
        points: NDArray[Any] = server.scene._handle_from_node_name[name].points
        return points

    try:
        (slider,) = server.gui._gui_input_handle_from_uuid.values()
        assert len(shown("/boxes")) == 24
        np.testing.assert_allclose(shown("/scan"), [[1.0, 2.0, 3.0]], atol=1e-2)
        slider.value = 1
        assert len(shown("/boxes")) == 12
        assert len(shown("/tails")) == 1
        np.testing.assert_allclose(shown("/scan"), [[11.0, 2.0, 3.0]], atol=1e-2)
        slider.value = 2
        assert len(shown("/boxes")) == 0
    finally:
        server.stop()
