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
    options = ("--tracker", tracker, "--yaw", "37", "--json", str(output), "--report", str(page))
    status, text = evaluate(*data, *options)
    assert status == 0, text
    figures = json.loads(output.read_text())
    assert set(HEADLINE) <= figures.keys()
    assert figures["sAMOTA"] > 0.8
    assert figures["turn_error_m"] < 1e-3
    assert list(figures["classes"]) == ["Car", "Pedestrian", "Cyclist"]
    assert list(figures["classes"]["Car"]["ious"]) == ["0.25", "0.5", "0.7"]
    assert figures["MOTA"] == figures["classes"]["Car"]["ious"]["0.25"]["MOTA"] > 0.8
    assert figures["commit"]
    assert "0000,0001 detections simulated Car iou 0.25" in figures["data"]
    assert "frames a second" in text
    assert page.read_text().startswith("<!DOCTYPE html>")


def test_one_overlap_and_the_first_class_are_the_headline(simulated_tracking: Path, tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    data = ("--kitti-tracking", str(simulated_tracking), "--detections", "simulated", "--sequences", "1")
    options = ("--classes", "cyclist,car", "--iou", "0.5", "--tracker", "baseline", "--json", str(output))
    status, text = evaluate(*data, *options)
    assert status == 0, text
    figures = json.loads(output.read_text())
    assert list(figures["classes"]) == ["Cyclist", "Car"]
    assert figures["MOTA"] == figures["classes"]["Cyclist"]["ious"]["0.5"]["MOTA"] > 0.7


def test_scans_are_tracked_and_measured(simulated_scans: Path, tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    poses = str(simulated_scans / "poses/0000.txt")
    data = ("--kitti-tracking", str(simulated_scans), "--from-scans", "--sequences", "0", "--poses", poses)
    status, text = evaluate(*data, "--iou", "0.25", "--yaw", "37", "--json", str(output))
    assert status == 0, text
    figures = json.loads(output.read_text())
    assert set(HEADLINE) <= figures.keys()
    assert list(figures["classes"]) == ["any"]
    assert figures["MOTA"] > 0.9
    assert figures["id_switches"] == 0
    assert figures["turn_error_m"] < 1e-3
    objects = figures["objects"]
    assert [each["label"] for each in objects] == ["Car", "Car", "Pedestrian", "Car"]
    assert [each["ids"] for each in objects] == [1, 1, 1, 1]
    assert min(each["coverage"] for each in objects) > 0.9
    assert [each["speed_m_s"] for each in objects] == pytest.approx([9.0, 3.0, 1.28, 0.0], abs=0.05)
    assert max(each["speed_error_m_s"] for each in objects) < 0.5
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
