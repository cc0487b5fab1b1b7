import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.evaluation.place_recognition.scan_turn import turn_between
from isometry.sensing.birds_eye import BirdsEyeGrid


def evaluate(*arguments: str, kitti: Path, output: Path) -> tuple[int, str]:
    command = ["evaluate", "place-recognition", "--kitti", str(kitti), "--json", str(output), *arguments]
    result = CliRunner().invoke(app, command)
    return result.exit_code, result.output


def test_scans_that_were_remembered_are_found_again_turned_or_not(simulated_kitti: Path, tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    frames = ("--sequence", "00", "--database", "0:12", "--queries", "0:12", "--yaw-sweep", "3")
    status, text = evaluate(*frames, kitti=simulated_kitti, output=output)
    assert status == 0, text
    figures = json.loads(output.read_text())
    assert figures["queries_with_revisit"] == 12
    assert figures["recall_at_1"] == 1.0
    assert figures["pose_success"] == 1.0
    assert figures["wrong_accepted"] == 0.0
    assert figures["translation_error_m"]["median"] < 0.1
    assert figures["rotation_error_deg"]["median"] < 0.5
    assert figures["yaw_sweep"]["recall_at_1"]["worst"] == 1.0
    assert set(figures["yaw_sweep"]["recall_at_1"]["by_yaw"]) == {"0", "120", "240"}
    assert figures["bytes_per_keyframe"] < 20_000
    assert {"commit", "machine", "model"} <= set(figures)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sequence", "42", "--database", "0:5", "--queries", "5:9"), "no such directory"),
        (("--sequence", "00", "--database", "0:2", "--queries", "10:12"), "none of the 2 queries"),
        (("--sequence", "00", "--database", "0:2", "--queries", "x"), "not of the form A:B"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(
    simulated_kitti: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    output = tmp_path / "figures.json"
    status, text = evaluate(*arguments, kitti=simulated_kitti, output=output)
    assert status != 0
    assert message in " ".join(text.split())
    assert not output.exists()


@pytest.mark.parametrize("degrees", [0.0, 33.0, 90.0, 251.5])
def test_the_turn_of_a_scan_is_measured_to_half_a_degree(simulated_kitti: Path, degrees: float) -> None:
    points = KittiOdometry(simulated_kitti, "00").scan(3)[:, :3].astype(np.float64)
    points = points[points[:, 2] > -1.4]
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turned = points @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    found = np.degrees(turn_between(points, turned, BirdsEyeGrid()))
    assert abs((found - degrees + 180.0) % 360.0 - 180.0) <= 1.0
