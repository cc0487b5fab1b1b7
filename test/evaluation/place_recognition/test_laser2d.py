from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from isometry.arrays import Array
from isometry.cli.main import app
from isometry.datasets.carmen import CarmenLog, Relations, read_log
from isometry.evaluation.place_recognition.laser2d import LaserClouds, revisits, true_poses, walls
from isometry.geometry import se3

LAP, STEP_SECONDS = 40, 2.0  # scans of a round, so that a round takes longer than a revisit must
HALL = np.array([9.0, 6.0])  # half its length and width, metres
PILLARS = np.random.default_rng(3).uniform(-1.0, 1.0, (25, 2)) * HALL


def round_trip() -> Array:
    """Two rounds on an ellipse in a hall (2 LAP,4,4)."""
    phase = 2.0 * np.pi * np.arange(2 * LAP) / LAP
    heading = np.arctan2(3.5 * np.cos(phase), -6.0 * np.sin(phase))
    return np.array([se3.from_planar(6.0 * np.cos(p), 3.5 * np.sin(p), h) for p, h in zip(phase, heading, strict=True)])


def ranges_in_hall(T_world_base: Array, beams: int = 180) -> Array:
    """Distances (beams,) to the walls of a hall, or to the round pillars in it where they do not stand in the way."""
    angle = se3.yaw(T_world_base) - np.pi / 2.0 + np.pi * np.arange(beams) / beams
    ray = np.column_stack([np.cos(angle), np.sin(angle)])
    origin = T_world_base[:2, 3]
    with np.errstate(divide="ignore"):
        to_wall = ((HALL * np.sign(ray) - origin) / ray).min(axis=1)
    along = ray @ (PILLARS - origin).T
    aside = np.square(PILLARS - origin).sum(axis=1) - along**2
    to_pillar = along - np.sqrt(np.maximum(0.3**2 - aside, 0.0))
    hidden = (aside > 0.3**2) | (along < 0.5)
    nearest: Array = np.minimum(to_wall, np.where(hidden, np.inf, to_pillar).min(axis=1))
    return nearest


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A log of two rounds through a hall with exact odometry, and relations between them."""
    folder = tmp_path_factory.mktemp("laser")
    T, lines, relations = round_trip(), [], []
    for k, pose in enumerate(T):
        words = [*ranges_in_hall(pose), 0, 0, 0, pose[0, 3], pose[1, 3], se3.yaw(pose), k * STEP_SECONDS, "host", 0]
        lines.append(f"FLASER 180 {' '.join(map(str, words))}\n")
    for k in range(LAP + 4, 2 * LAP, 4):  # not the start, before which there is nothing to join
        x, y, yaw = planar(se3.inverse(T[k - LAP]) @ T[k])
        relations.append(f"{(k - LAP) * STEP_SECONDS} {k * STEP_SECONDS} {x} {y} 0 0 0 {yaw}\n")
    (folder / "hall.clf").write_text("".join(lines))
    (folder / "hall.relations").write_text("".join(relations))
    return folder / "hall.clf", folder / "hall.relations"


def planar(T: Array) -> tuple[float, float, float]:
    return float(T[0, 3]), float(T[1, 3]), se3.yaw(T)


def evaluate(log: Path, relations: Path, output: Path, *arguments: str) -> tuple[int, str]:
    command = ["evaluate", "place-recognition-2d", "--carmen", str(log), "--relations", str(relations)]
    result = CliRunner().invoke(app, [*command, "--json", str(output), *arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize("arguments", [(), ("--submap", "3"), ("--model", "fourier")])
def test_places_of_the_first_round_are_found_in_the_second(
    recording: tuple[Path, Path], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    status, text = evaluate(*recording, tmp_path / "figures.json", *arguments)
    assert status == 0, text
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["queries_with_revisit"] == LAP / 4 - 1
    assert figures["recall_at_1_retrieval"] == 1.0
    assert figures["chance"] < 0.3
    assert {"commit", "machine", "model", "scale", "submap"} <= set(figures)


def test_a_log_without_revisits_is_said_in_one_line(recording: tuple[Path, Path], tmp_path: Path) -> None:
    relations = tmp_path / "short.relations"
    relations.write_text("0.0 2.0 0 0 0 0 0 0\n")
    status, text = evaluate(recording[0], relations, tmp_path / "figures.json")
    assert status == 1
    assert "no relation over more than 60 s" in " ".join(text.split())
    assert not (tmp_path / "figures.json").exists()


def test_a_scan_that_sees_too_little_is_named(recording: tuple[Path, Path], tmp_path: Path) -> None:
    status, text = evaluate(*recording, tmp_path / "figures.json", "--scale", "60")
    assert status == 1
    assert "scan 0, 0.000 s: a cloud fills" in " ".join(text.split())


def test_relations_take_the_drift_out_of_odometry(random: np.random.Generator) -> None:
    T = round_trip()
    T_step = se3.inverse(T[:-1]) @ T[1:]
    drifting = [T[0]]
    for step, (x, y, yaw) in zip(T_step, random.normal(0.01, 0.02, (len(T_step), 3)), strict=True):
        drifting.append(drifting[-1] @ step @ se3.from_planar(x, y, yaw))
    pairs = np.array([(k, k + 4) for k in range(0, 2 * LAP - 4, 4)] + [(k, k + LAP) for k in range(0, LAP, 4)])
    relations = Relations(pairs, se3.inverse(T[pairs[:, 0]]) @ T[pairs[:, 1]])
    times_s = np.arange(2.0 * LAP) * STEP_SECONDS
    log = CarmenLog(times_s, np.ones((2 * LAP, 1)), np.array(drifting))
    error = np.linalg.norm((T[0] @ true_poses(log, relations) - T)[:, :2, 3], axis=1)
    odometry_error = np.linalg.norm((log.odometry - T)[:, :2, 3], axis=1)
    assert odometry_error.max() > 1.0
    assert error.max() < 0.1
    np.testing.assert_array_equal(revisits(log, relations), np.arange(LAP, 2 * LAP, 4))


def test_scans_of_a_submap_lie_on_the_walls_that_they_saw(recording: tuple[Path, Path]) -> None:
    log = read_log(recording[0])
    single, joined = (LaserClouds(log, scale=2.0, submap=submap).cloud(30) for submap in (0.0, 3.0))
    assert len(joined) > 2 * len(single)
    in_hall = se3.apply(log.odometry[30], joined / 2.0)[:, :2]
    distance_to_wall = np.abs(HALL - np.abs(in_hall)).min(axis=1)
    distance_to_pillar = np.abs(np.linalg.norm(in_hall[:, None] - PILLARS, axis=2) - 0.3).min(axis=1)
    assert np.minimum(distance_to_pillar, distance_to_wall).max() < 1e-3


def test_a_point_becomes_the_foot_of_a_wall() -> None:
    column = walls(np.array([[1.0, 2.0, 0.0]]))
    np.testing.assert_allclose(column, [[1.0, 2.0, height] for height in (0.0, 0.4, 0.8, 1.2, 1.6)])


@pytest.mark.slow
def test_revisits_of_a_real_building_are_found_far_above_chance(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "laser2d"
    arguments = ("--submap", "3", "--every", "3")
    status, text = evaluate(folder / "aces.clf.bz2", folder / "aces.relations", tmp_path / "figures.json", *arguments)
    assert status == 0, text
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["queries_with_revisit"] > 20
    assert figures["recall_at_1_retrieval"] > 5 * figures["chance"]
