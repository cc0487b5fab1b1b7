"""The mapping experiment: its figures against closed forms, and a small simulated drive from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.datasets.odometry import OdometryDrift
from isometry.evaluation.place_recognition.mapping import evaluate_mapping, is_right, path_figures, summary
from isometry.geometry import se3
from isometry.place_recognition.encoder import BirdsEyeEncoder
from isometry.place_recognition.mapping import PlaceMapperParameters
from isometry.place_recognition.memory import PlaceMemory
from isometry.place_recognition.parameters import PlaceRecognitionParameters
from isometry.place_recognition.pipeline import PlaceRecognizer
from isometry.place_recognition.pose_graph import Loop, PoseGraphParameters
from isometry.simulation.drive import SimulatedDrive, write_simulated_drive
from isometry.simulation.sensors.lidar import SpinningLidar


def line(count: int, heading: float = 0.0, step: float = 1.0) -> np.ndarray:
    x, y = step * np.cos(heading), step * np.sin(heading)
    return np.stack([se3.from_planar(k * x, k * y, heading) for k in range(count)])


def test_a_path_that_only_starts_elsewhere_has_no_error() -> None:
    moved = se3.from_planar(5.0, -3.0, 1.0) @ line(20)
    figures = path_figures(moved, line(20))
    assert list(figures.values()) == pytest.approx([0.0] * 4, abs=1e-9)


def test_a_path_that_leaves_at_an_angle() -> None:
    figures = path_figures(np.concatenate([line(1), line(11, heading=0.1)[1:]]), line(11))
    metres = 2.0 * np.sin(0.05) * np.arange(11)
    assert figures["same_start_rmse_m"] == pytest.approx(np.sqrt(np.mean(metres**2)))
    assert figures["same_start_max_m"] == pytest.approx(metres[-1])
    assert figures["best_aligned_rmse_m"] == pytest.approx(0.0, abs=1e-6)
    assert figures["heading_rmse_deg"] == pytest.approx(np.degrees(0.1) * np.sqrt(10 / 11))


def test_heights_do_not_count() -> None:
    higher = line(10)
    higher[:, 2, 3] += np.arange(10.0)
    assert path_figures(higher, line(10))["same_start_rmse_m"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("x", "yaw_deg", "right"), [(0.0, 0.0, True), (1.9, 4.9, True), (2.1, 0.0, False), (0.0, -5.1, False)]
)
def test_a_loop_is_right_within_two_metres_and_five_degrees(x: float, yaw_deg: float, right: bool) -> None:
    poses = line(30, heading=0.7)
    T_true = se3.inverse(poses[3]) @ poses[20]
    measured = T_true @ se3.from_planar(x, 0.0, np.radians(yaw_deg))
    assert is_right(Loop(3, 20, measured, np.eye(6)), poses) is right


def test_the_command_drives_with_each_seed_and_writes_both_path_errors(simulated_kitti: Path, tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    command = ["evaluate", "mapping", "--kitti", str(simulated_kitti), "--sequence", "00", "--json", str(output)]
    result = CliRunner().invoke(app, [*command, "--frames", "0:8", "--every", "2", "--seed", "3", "--seeds", "2"])
    assert result.exit_code == 0, result.output
    figures = json.loads(output.read_text())
    assert [drive["seed"] for drive in figures["drives"]] == [3, 4]
    assert all(drive["scans"] == 4 for drive in figures["drives"])
    assert set(figures["summary"]["path_error_ratio"]) == {"best_aligned", "same_start"}
    assert figures["summary"]["wrong_loops_let_in"] == 0
    assert {"commit", "machine", "model"} <= set(figures)


@pytest.mark.parametrize(("frames", "message"), [("500:", "leave 0 of"), ("0:1", "makes 1 keyframe")])
def test_the_command_says_in_one_line_what_is_too_short(simulated_kitti: Path, frames: str, message: str) -> None:
    command = ["evaluate", "mapping", "--kitti", str(simulated_kitti), "--sequence", "00", "--frames", frames]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert message in result.output


def test_the_summary_tells_the_mean_and_the_worst() -> None:
    drives = [
        {"path_error_ratio": {"best_aligned": a, "same_start": b}, "wrong_loops_let_in": n}
        for a, b, n in ((0.1, 0.4, 0), (0.3, 0.2, 2))
    ]
    over_drives = summary(drives)
    assert over_drives["path_error_ratio"]["best_aligned"] == pytest.approx({"mean": 0.2, "worst": 0.3})
    assert over_drives["path_error_ratio"]["same_start"] == pytest.approx({"mean": 0.3, "worst": 0.4})
    assert over_drives["wrong_loops_let_in"] == 2


@pytest.mark.slow
def test_loops_correct_a_simulated_drive(tmp_path: Path) -> None:
    drive = SimulatedDrive(scans=300, spacing_m=2.0, lidar=SpinningLidar(azimuth_step_deg=0.8), remounted_deg=0.0)
    write_simulated_drive(tmp_path / "drive", drive)
    encoder = BirdsEyeEncoder.load()
    memory = PlaceMemory(encoder.sha256, encoder.descriptor_size)
    recognizer = PlaceRecognizer(encoder, memory, PlaceRecognitionParameters(ground_height=-drive.height_m))
    result = evaluate_mapping(
        KittiOdometry(tmp_path / "drive", "00"),
        range(300),
        recognizer,
        OdometryDrift(translation=0.02, rotation_deg_per_100_m=3.0),
        PlaceMapperParameters(),
        PoseGraphParameters(translation_drift_percent=2.0, rotation_drift_deg=3.0),
    )
    assert result["scans"] == 300
    assert result["keyframes"] == len(memory) > 200
    assert result["loops_let_in"] > 20
    assert result["wrong_loops_let_in"] == 0
    assert result["path_error_ratio"]["best_aligned"] < 0.5
    assert result["path_error"]["odometry"]["same_start_rmse_m"] > 5.0
