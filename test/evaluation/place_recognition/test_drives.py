"""Drives through worlds, and the figures by what can be known there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.evaluation.place_recognition.drives import WorldDrive
from isometry.evaluation.place_recognition.figures import acceptance, world_figures
from isometry.evaluation.place_recognition.measure import QueryResult, ScreenedMemory, build_database, query
from isometry.place_recognition.encoder import BirdsEyeEncoder
from isometry.place_recognition.parameters import PlaceRecognitionParameters
from isometry.place_recognition.pipeline import PlaceRecognizer
from isometry.place_recognition.types import Observation, PlaceMatch
from isometry.simulation.sensors.lidar import SpinningLidar
from isometry.simulation.worlds.registry import build_world

SPARSE = SpinningLidar(beams=16, highest_deg=30.0, lowest_deg=-30.0, azimuth_step_deg=2.0, range_m=40.0)


def result(
    accepted: bool, error_m: float = 0.0, reason: str = "", has_revisit: bool = True, knowable: bool = True
) -> QueryResult:
    match = PlaceMatch(accepted=accepted, reason="ok" if accepted else (reason or "low_agreement"))  # type: ignore[arg-type]
    error = np.array([error_m, 0.0, 0.0])
    return QueryResult(0, has_revisit, 0, 0.0, error, np.nan, np.nan, match, 0.0, knowable)


def test_acceptance_tells_wrong_from_refused() -> None:
    results = [result(True), result(True, 3.0), result(False), result(False, 9.0, "ambiguous"), result(True)]
    figures = acceptance(results)
    assert figures["wrong_accepted"] == pytest.approx(1 / 5)
    assert figures["right_kept"] == pytest.approx(2 / 3)
    assert figures["ambiguous"] == pytest.approx(1 / 5)
    assert figures["reasons"] == pytest.approx({"ambiguous": 0.2, "low_agreement": 0.2, "ok": 0.6})


def test_a_pose_on_another_storey_is_wrong() -> None:
    here = result(True)
    assert here.pose_right
    assert not replace(here, height_error=3.0).pose_right


def test_queries_are_grouped_by_what_can_be_known() -> None:
    results = [
        *[result(True)] * 3,
        *[result(True, 80.0, knowable=False)] * 2,
        result(False, 5.0, has_revisit=False),
        result(False, 5.0, has_revisit=False, knowable=False),
    ]
    groups = world_figures(results)
    assert {name: group["queries"] for name, group in groups.items()} == {"knowable": 3, "unknowable": 3, "unmapped": 1}
    assert groups["knowable"]["wrong_accepted"] == groups["unmapped"]["wrong_accepted"] == 0.0
    assert groups["unknowable"]["wrong_accepted"] == groups["unknowable"]["accepted"] == pytest.approx(2 / 3)
    assert groups["unmapped"]["accepted"] == 0.0


def test_hidden_keyframes_are_not_found(random: np.random.Generator) -> None:
    memory = ScreenedMemory("model", 4)
    descriptors = random.normal(size=(20, 4)).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    image, none = np.zeros((3, 3), np.uint8), np.zeros((0, 2), np.float32)
    for descriptor in descriptors:
        observation = Observation(descriptor, none, np.zeros((0, 8, 1), np.int8), image, np.zeros((1, 3), np.float32))
        memory.add(observation, np.eye(4), 0)
    hidden = np.arange(20) % 2 == 0
    memory.hide(hidden)
    found, distances = memory.search(descriptors[0], 5)
    expected = np.flatnonzero(~hidden)[np.argsort(np.linalg.norm(descriptors[1::2] - descriptors[0], axis=1))][:5]
    assert found.tolist() == expected.tolist()
    assert np.all(np.diff(distances) >= 0.0)
    memory.hide(None)
    assert memory.search(descriptors[0], 1)[0].tolist() == [0]


def test_queries_in_equal_halls_are_unknowable_and_one_hall_is_not_mapped() -> None:
    world = replace(build_world("twin-halls", 0), lidar=SPARSE)
    drive = WorldDrive(world, 0, 4.0)
    encoder = BirdsEyeEncoder.load()
    recognizer = PlaceRecognizer(
        encoder, ScreenedMemory(encoder.sha256, encoder.descriptor_size), PlaceRecognitionParameters()
    )
    build_database(drive, drive.database, recognizer)
    assert not any(world.left_out.contains(T) for T in recognizer.memory.poses)
    rows = drive.queries[::6]
    results = query(drive, rows, recognizer, 5.0)
    for row, found in zip(rows, results, strict=True):
        T = drive.T_world_scan[row]
        assert found.knowable == (not len(world.twins(T)))
        if world.left_out.contains(T):
            assert not found.has_revisit or np.abs(T[1, 3] - world.left_out.T_world_region[1, 3]) > 3.0
    assert 0.1 < np.mean([r.knowable for r in results]) < 0.9


def evaluate(*arguments: str) -> tuple[int, str]:
    run = CliRunner().invoke(app, ["evaluate", "place-recognition", *arguments])
    return run.exit_code, " ".join(run.output.split())


def test_the_command_measures_a_world(tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    arguments = ("--world", "building", "--seed", "0", "--spacing", "2", "--every", "4", "--json", str(output))
    status, text = evaluate(*arguments)
    assert status == 0, text
    figures = json.loads(output.read_text())
    assert figures["data"] == "world building seed 0 spacing 2 every 4"
    assert figures["queries"] == sum(figures[name]["queries"] for name in ("knowable", "unknowable", "unmapped"))
    assert figures["unknowable"]["queries"] == 0
    assert {"recall_at_1", "right_kept", "ambiguous", "wrong_accepted", "inside_2_sigma"} <= set(figures)


def test_without_its_revisits_a_drive_has_nothing_to_accept(simulated_kitti: Path, tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    arguments = ("--kitti", str(simulated_kitti), "--exclude-revisits", "12", "--every", "3", "--json", str(output))
    status, text = evaluate(*arguments)
    assert status == 0, text
    figures = json.loads(output.read_text())
    assert figures["queries"] == 4
    assert "without frames within 12 m" in figures["data"]
    assert figures["wrong_accepted"] <= figures["accepted"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--world", "moon"), "no world 'moon': it must be one of hedged-road, tunnel"),
        ((), "name the data: one of --kitti, --world"),
        (("--world", "town", "--exclude-revisits", "5"), "are for --kitti"),
    ],
)
def test_what_cannot_be_measured_is_said(arguments: tuple[str, ...], message: str) -> None:
    status, text = evaluate(*arguments)
    assert status != 0
    assert message in text.replace("│ ", "").replace(" │", "")


def test_a_radius_that_excludes_all_frames_is_refused(simulated_kitti: Path) -> None:
    status, text = evaluate("--kitti", str(simulated_kitti), "--exclude-revisits", "500")
    assert status == 1
    assert "no frame of the database is further away than 500 m" in text
