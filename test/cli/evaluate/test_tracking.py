"""`isometry evaluate tracking`, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from isometry.cli.main import app

HEADLINE = ("HOTA", "MOTA", "IDF1", "sAMOTA", "id_switches", "frames_per_second")


def evaluate(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["evaluate", "tracking", *arguments])
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize("tracker", ["flow", "baseline"])
def test_detections_are_tracked_and_measured(simulated_tracking: Path, tmp_path: Path, tracker: str) -> None:
    output, page = tmp_path / "figures.json", tmp_path / "page.html"
    data = ("--kitti-tracking", str(simulated_tracking), "--detections", "simulated")
    asked = ("--tracker", tracker, "--yaw", "37", "--json", str(output), "--report", str(page))
    status, text = evaluate(*data, *asked)
    assert status == 0, text
    told = json.loads(output.read_text())
    assert set(HEADLINE) <= told.keys()
    assert told["sAMOTA"] > 0.8
    assert told["turn_error_m"] < 1e-3
    assert list(told["classes"]) == ["Car", "Pedestrian", "Cyclist"]
    assert list(told["classes"]["Car"]["ious"]) == ["0.25", "0.5", "0.7"]
    assert told["MOTA"] == told["classes"]["Car"]["ious"]["0.25"]["MOTA"]
    assert told["commit"]
    assert "0000,0001 detections simulated Car iou 0.25" in told["data"]
    assert "frames a second" in text
    assert page.read_text().startswith("<!DOCTYPE html>")


def test_one_overlap_and_the_first_class_are_the_headline(simulated_tracking: Path, tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    data = ("--kitti-tracking", str(simulated_tracking), "--detections", "simulated", "--sequences", "1")
    asked = ("--classes", "cyclist,car", "--iou", "0.5", "--tracker", "baseline", "--json", str(output))
    status, text = evaluate(*data, *asked)
    assert status == 0, text
    told = json.loads(output.read_text())
    assert list(told["classes"]) == ["Cyclist", "Car"]
    assert told["MOTA"] == told["classes"]["Cyclist"]["ious"]["0.5"]["MOTA"]


def test_scans_are_tracked_and_measured(simulated_tracking: Path, tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    poses = str(simulated_tracking / "poses/0000.txt")
    data = ("--kitti-tracking", str(simulated_tracking), "--from-scans", "--sequences", "0", "--poses", poses)
    status, text = evaluate(*data, "--iou", "0.25", "--json", str(output))
    assert status == 0, text
    told = json.loads(output.read_text())
    assert set(HEADLINE) <= told.keys()
    assert len(told["objects"]) == 7
    assert "any" in text


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--detections", "simulated", "--sequences", "5"), "calib/0005.txt"),
        (("--detections", "other", "--sequences", "0"), "no detections 'other'"),
        (("--detections", "simulated", "--sequences", ","), "write a list with commas"),
        (("--detections", "simulated", "--sequences", "0", "--classes", "Tram"), "each must be one of Car"),
        (("--detections", "simulated", "--sequences", "0", "--tracker", "magic"), "it must be flow or baseline"),
        (("--from-scans", "--sequences", "1"), "velodyne/0001"),
        (("--from-scans", "--sequences", "0", "--tracker", "baseline"), "scans are tracked by flow alone"),
        (("--from-scans", "--sequences", "0,1", "--poses", "poses.txt"), "poses are of one sequence"),
        (("--from-scans", "--sequences", "0", "--poses", "nowhere.txt"), "nowhere.txt"),
    ],
)
def test_bad_input_gets_one_line(simulated_tracking: Path, arguments: tuple[str, ...], reason: str) -> None:
    status, text = evaluate("--kitti-tracking", str(simulated_tracking), *arguments)
    assert status == 1
    assert text.startswith("error:")
    assert reason in text


@pytest.mark.parametrize("arguments", [(), ("--from-scans", "--detections", "simulated")])
def test_either_detections_or_scans_are_tracked(simulated_tracking: Path, arguments: tuple[str, ...]) -> None:
    status, text = evaluate("--kitti-tracking", str(simulated_tracking), "--sequences", "0", *arguments)
    assert status == 2
    assert "either" in text
