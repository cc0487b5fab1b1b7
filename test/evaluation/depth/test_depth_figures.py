"""Figures of depth, against closed forms."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from isometry.datasets.rgbd.recording import CameraRecording
from isometry.depth_egomotion.depth_model import DepthEstimate, DepthModel
from isometry.evaluation.depth.crop_shift import crop_shift
from isometry.evaluation.depth.lidar import LidarDepth
from isometry.evaluation.depth.measure import figures, judge, measured_depth
from isometry.evaluation.depth.metrics import depth_errors
from isometry.evaluation.depth.report import write_report
from isometry.evaluation.depth.trivial import trivial_depths
from isometry.sensing.cameras import Camera

CAMERA = Camera(np.array([[40.0, 0.0, 31.5], [0.0, 40.0, 23.5], [0.0, 0.0, 1.0]]), 64, 48)
DEPTHS_M = (1.0, 1.0, 2.0, 4.0)


@dataclass
class Constant:
    """A model that says the same depth for each image, and is sure to a tenth."""

    metres: float
    form: Any = field(default_factory=lambda: SimpleNamespace(own_normals=False))

    def predict(self, colour: Any, camera: Camera) -> DepthEstimate:
        depth = np.full(camera.shape, self.metres, np.float32)
        facing = np.tile(np.array([0.0, 0.0, -1.0], np.float32), (*camera.shape, 1))
        return DepthEstimate(depth, 0.1 * depth, facing, False)


def model(metres: float) -> DepthModel:
    return cast("DepthModel", Constant(metres))


@pytest.fixture
def recording(tmp_path: Path) -> CameraRecording:
    """Four frames of walls, 1, 1, 2 and 4 m away; the upper half of each is not measured."""
    colour, depth = [], []
    for k, metres in enumerate(DEPTHS_M):
        colour.append(tmp_path / f"{k:06d}.png")
        depth.append(tmp_path / f"{k:06d}_depth.png")
        Image.fromarray(np.full((48, 64, 3), 100, np.uint8)).save(colour[-1])
        stored = np.full((48, 64), round(1000 * metres), np.uint16)
        stored[:24] = 0
        Image.fromarray(stored).save(depth[-1])
    return CameraRecording("walls", np.arange(4.0), tuple(colour), CAMERA, tuple(depth))


def test_errors_by_hand() -> None:
    errors = depth_errors(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 4.0]), scaled=False)
    assert errors.abs_rel == pytest.approx((0.0 + 1.0 + 0.25) / 3)
    assert errors.rmse_m == pytest.approx(np.sqrt(2 / 3))
    assert errors.delta == pytest.approx(1 / 3)


def test_scaled_errors_do_not_see_the_scale() -> None:
    true = np.array([1.0, 2.0, 5.0])
    assert depth_errors(3.0 * true, true, scaled=True) == pytest.approx((0.0, 0.0, 1.0))
    assert depth_errors(3.0 * true, true, scaled=False).abs_rel == pytest.approx(2.0)


def test_what_needs_no_image_is_made_of_what_was_measured() -> None:
    first, second = np.array([[1.0, 0.0, 0.0]]), np.array([[3.0, 5.0, 0.0]])
    found = trivial_depths([first, second])
    np.testing.assert_allclose(found["constant"], 2.5)
    np.testing.assert_allclose(found["mean_image"], [[2.0, 5.0, 2.5]])
    with pytest.raises(ValueError, match="no depth was measured"):
        trivial_depths([np.zeros((2, 2))])


def test_each_predictor_is_judged_with_and_without_the_scale(recording: CameraRecording) -> None:
    judged = list(judge(model(2.0), recording, np.array([2, 3]), np.array([0, 1])))
    result = figures(judged)
    assert result["n"] == 2
    assert result["abs_rel"]["unscaled"] == pytest.approx({"model": 0.25, "constant": 0.625, "mean_image": 0.625})
    assert result["abs_rel"]["scaled"] == pytest.approx({"model": 0.0, "constant": 0.0, "mean_image": 0.0})
    assert result["delta_1.25"]["unscaled"]["model"] == pytest.approx(0.5)
    assert result["inside_2_sigma"] == pytest.approx(0.5)
    assert result["normals_error_deg"] == pytest.approx(0.0, abs=1e-3)


def test_a_recording_without_depth_is_told(recording: CameraRecording) -> None:
    with pytest.raises(ValueError, match="walls: no depth images to compare with"):
        measured_depth(replace(recording, depth_paths=()), 0)


def test_a_depth_that_stays_does_not_change_with_the_cut(recording: CameraRecording) -> None:
    judged = list(judge(model(2.0), recording, np.array([2]), np.array([0])))
    assert crop_shift(model(2.0), judged) == {"median": 0.0, "p99": 0.0, "largest": 0.0}


def test_the_report_shows_the_frames(recording: CameraRecording, tmp_path: Path) -> None:
    judged = list(judge(model(2.0), recording, np.array([2, 3]), np.array([0, 1])))
    origin = {"data": "walls", "model": {"name": "constant"}, "date": "today"}
    page = write_report(tmp_path / "depth.html", figures(judged), origin, judged, model(2.0), measured_depth)
    assert "walls, frame 3" in page.read_text()
    assert "mean_image" in page.read_text()


def test_points_of_a_lidar_are_where_the_camera_sees_them(recording: CameraRecording, tmp_path: Path) -> None:
    """The LiDAR's x is forward, its y left, its z up; it sits 0.2 m behind the camera."""
    points = np.array([[4.2, 0.0, 0.0, 0.5], [8.2, 0.0, 0.0, 0.5], [2.2, -0.51, 0.0, 0.5], [-3.0, 0.0, 0.0, 0.5]])
    (tmp_path / "velodyne").mkdir()
    points.astype("<f4").tofile(tmp_path / "velodyne" / "000001.bin")
    (tmp_path / "calib.txt").write_text("Tr: 0 -1 0 0 0 0 -1 0 1 0 0 -0.2\n")
    depth = LidarDepth(tmp_path / "velodyne", tmp_path / "calib.txt")(recording, 1)
    seen = {(int(v), int(u)): float(depth[v, u]) for v, u in zip(*np.nonzero(depth), strict=True)}
    assert seen == pytest.approx({(24, 32): 4.0, (24, 42): 2.0})
    with pytest.raises(ValueError, match="no scan of frame 0"):
        LidarDepth(tmp_path / "velodyne", tmp_path / "calib.txt")(recording, 0)
