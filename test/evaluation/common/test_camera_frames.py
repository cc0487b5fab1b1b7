"""Frames of recordings as the capabilities take them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from isometry.datasets.rgbd.recording import CameraRecording
from isometry.evaluation.common.camera_frames import camera_frame
from isometry.geometry import se3
from isometry.sensing.cameras import Camera


def test_a_frame_has_what_the_recording_knows_of_its_depth(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(tmp_path / "colour.png")
    Image.fromarray(np.full((2, 3), 1500, np.uint16)).save(tmp_path / "depth.png")
    recording = CameraRecording(
        "walk",
        np.array([0.0, 1.0]),
        (tmp_path / "colour.png",) * 2,
        Camera(np.eye(3), 6, 4),
        depth_paths=(tmp_path / "depth.png",) * 2,
        depth_delays_s=np.array([0.0, -0.01]),
        depth_camera=Camera(np.eye(3), 3, 2),
        T_colour_depth=se3.from_planar(0.02, 0.0, 0.0),
    )
    frame = camera_frame(recording, 1)
    assert frame.depth is not None
    np.testing.assert_allclose(frame.depth, 1.5)
    assert frame.depth_camera is recording.depth_camera
    np.testing.assert_array_equal(frame.T_colour_depth, recording.T_colour_depth)
    assert frame.depth_delay_s == -0.01
    assert camera_frame(recording, 1, with_depth=False).depth is None
