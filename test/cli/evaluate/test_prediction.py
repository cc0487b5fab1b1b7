"""`isometry evaluate prediction`, as a user calls it, on a world whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from isometry.arrays import Array
from isometry.cli.main import app
from isometry.geometry.planar import rotations

FRAMES = 60
BRAKING = 1.0  # metres a second squared


def evaluate(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["evaluate", "prediction", *arguments])
    return result.exit_code, " ".join(result.output.split())


def own_poses() -> Array:
    """(T,3) of a vehicle that drives a bend."""
    times = 0.1 * np.arange(FRAMES)
    return np.column_stack([60.0 * np.sin(0.1 * times), 60.0 * (1.0 - np.cos(0.1 * times)), 0.1 * times])


def objects() -> dict[str, tuple[str, Array]]:
    """Positions (T,2) in the world of an object of constant velocity, one that brakes, and a stationary one."""
    times = 0.1 * np.arange(FRAMES)[:, None]
    return {
        "0": ("Car", np.array([20.0, 8.0]) + times * [6.0, 1.0]),
        "1": ("Car", np.array([15.0, -9.0]) + (12.0 * times - 0.5 * BRAKING * times**2) * [0.6, 0.8]),
        "2": ("Pedestrian", np.array([30.0, 4.0]) + 0.0 * times),
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A KITTI tracking directory of one sequence, its camera where the LiDAR is; poses.txt lies beside it."""
    root = tmp_path_factory.mktemp("kitti_tracking")
    (root / "label_02").mkdir()
    (root / "calib").mkdir()
    lines, detections = [], []
    for number, (label, places) in objects().items():
        for frame, (place, pose) in enumerate(zip(places, own_poses(), strict=True)):
            x, y = rotations(pose[2]).T @ (place - pose[:2])
            box = f"1.5 1.8 4.0 {-y:.6f} 1.6 {x:.6f} {-np.pi / 2.0 + pose[2]:.6f}"
            lines.append(f"{frame} {number} {label} 0 0 0.0 0 0 10 10 {box}")
            if label == "Car":
                detections.append(f"{frame},2,0,0,10,10,0.9,{box.replace(' ', ',')},0.0")
    (root / "label_02" / "0003.txt").write_text("\n".join(lines) + "\n")
    (root / "detections" / "made_Car").mkdir(parents=True)
    (root / "detections" / "made_Car" / "0003.txt").write_text("\n".join(detections) + "\n")
    identity = "1 0 0 0 1 0 0 0 1"
    calibration = {
        "P2": "700 0 600 0 0 700 180 0 0 0 1 0",
        "R0_rect": identity,
        "Tr_velo_to_cam": "0 -1 0 0 0 0 -1 0 1 0 0 0",
    }
    (root / "calib" / "0003.txt").write_text("".join(f"{name}: {value}\n" for name, value in calibration.items()))
    rows = [
        [*np.column_stack([np.vstack([np.column_stack([rotations(yaw), [0, 0]]), [0, 0, 1]]), [x, y, 0]]).ravel()]
        for x, y, yaw in own_poses()
    ]
    np.savetxt(root / "poses.txt", np.array(rows))
    return root


def test_figures_are_those_of_mechanics(world: Path, tmp_path: Path) -> None:
    output, page = tmp_path / "figures.json", tmp_path / "page.html"
    arguments = ["--kitti-tracking", str(world), "--sequences", "3", "--poses", f"3:{world / 'poses.txt'}"]
    files = ["--json", str(output), "--report", str(page)]
    status, text = evaluate(*arguments, "--model", "constant_velocity", *files)
    assert status == 0, text
    result = json.loads(output.read_text())
    moving = result["methods"]["constant_velocity"]["moving"]
    # From 1 s after the start to 3 s before the end; one of two goes on, the other brakes and is predicted by the
    # velocity of a tenth of a second ago
    assert moving["n"] == {"1": 2 * 40, "2": 2 * 30, "3": 2 * 20}
    expected = {each: 0.5 * BRAKING * (0.5 * s**2 + 0.1 * s) for each, s in (("1", 1.0), ("2", 2.0), ("3", 3.0))}
    assert moving["fde_m"] == pytest.approx(expected, abs=1e-3)
    steps = 0.1 * np.arange(1, 31)
    assert moving["ade_m"]["3"] == pytest.approx(0.5 * BRAKING * (0.5 * steps**2 + 0.1 * steps).mean(), abs=1e-3)
    assert result["methods"]["constant_velocity"]["all"]["fde_m"]["3"] == pytest.approx(expected["3"] * 2 / 3, abs=1e-3)
    assert result["methods"]["constant_velocity"]["moving Car"]["n"] == moving["n"]
    assert result["lower_fde_than"]["moving"]["constant_velocity"]["3"] == 0.0
    assert "moving, unsure" not in result["methods"]["constant_velocity"]
    assert result["own_motion"] == {"0003": "given"}
    assert {"commit", "machine", "definitions"} <= set(result)
    assert "A miss: 0003" in page.read_text()


def test_the_network_is_measured_beside_both_simple_models(world: Path, tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    status, text = evaluate("--kitti-tracking", str(world), "--sequences", "3", "--json", str(output))
    assert status == 0, text
    result = json.loads(output.read_text())
    assert list(result["methods"]) == ["motion_prediction", "constant_velocity", "constant_turn"]
    assert result["own_motion"]["0003"]["from"] == "labels"
    assert result["own_motion"]["0003"]["begun_anew"] == []
    for figures in result["methods"].values():
        assert 0.0 <= figures["moving, sure or not"]["inside_2_sigma"]["3"] <= 1.0


def test_tracks_of_exact_detections_are_predicted_like_labels(world: Path, tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    arguments = ["--kitti-tracking", str(world), "--sequences", "3", "--poses", f"3:{world / 'poses.txt'}"]
    status, text = evaluate(*arguments, "--detections", "made", "--json", str(output))
    assert status == 0, text
    result = json.loads(output.read_text())
    moving = result["methods"]["constant_velocity"]["moving"]
    assert moving["n"]["3"] == 2 * 20
    assert 0.5 * BRAKING * 4.5 < moving["fde_m"]["3"] < 0.5 * BRAKING * (4.5 + 3.0)  # a filter's velocity lags a little
    assert result["data"].startswith(f"{world.name} 0003 tracks of made")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--sequences", "7"), "0007.txt"),
        (("--sequences", "x"), "is no sequence"),
        (("--sequences", "3", "--poses", "poses.txt"), "write a name, a colon and a file"),
        (("--sequences", "3", "--poses", "4:poses.txt"), "which is not among 0003"),
        (("--sequences", "3", "--detections", "other"), "no detections 'other'"),
        (("--sequences", "3", "--model", "straight"), "no motion predictor"),
        (("--sequences", "3", "--model", "nothing.onnx"), "no such model file"),
    ],
)
def test_bad_input_is_one_line(world: Path, arguments: tuple[str, ...], reason: str) -> None:
    status, text = evaluate("--kitti-tracking", str(world), *arguments)
    assert status == 1
    assert reason in text


def test_too_few_poses_are_named(world: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.txt"
    short.write_text("\n".join((world / "poses.txt").read_text().splitlines()[:10]) + "\n")
    status, text = evaluate("--kitti-tracking", str(world), "--sequences", "3", "--poses", f"3:{short}")
    assert status == 1
    assert "10 poses for the 60 frames" in text
