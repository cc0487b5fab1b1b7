"""`isometry evaluate registration`, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.datasets.simulation.drive import SimulatedDrive, write_simulated_drive
from isometry.datasets.simulation.lidar import SpinningLidar


def evaluate(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["evaluate", "registration", *arguments])
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five scans a metre apart, of a street that a thin sensor sees well enough."""
    root = tmp_path_factory.mktemp("drive") / "kitti"
    write_simulated_drive(root, SimulatedDrive(scans=5, spacing_m=1.0, lidar=SpinningLidar(azimuth_step_deg=1.0)))
    return root


@pytest.mark.parametrize("ground", [(), ("--drop-ground",)])
def test_turned_scans_of_a_street_are_registered(drive: Path, tmp_path: Path, ground: tuple[str, ...]) -> None:
    output = tmp_path / "figures.json"
    status, text = evaluate("--kitti", str(drive), "--gaps", "1,3", "--every", "2", "--json", str(output), *ground)
    assert status == 0, text
    told = json.loads(output.read_text())
    assert {gap: figures["n"] for gap, figures in told["gaps"].items()} == {"1": 2, "3": 1}
    for figures in told["gaps"].values():
        assert figures["success"] == 1.0
        assert figures["rre_deg"] < 1.0
        assert figures["rte_m"] < 0.2
        assert 0.0 < figures["seconds"] < 60.0
    assert told["gaps"]["3"]["distance_m"] == pytest.approx(3.0, abs=0.1)
    assert {"commit", "machine", "model", "wrong_accepted_at_95_kept", "inside_2_sigma"} <= set(told)
    assert f"gaps 1,3 every 2 rotate so3 seed 0{' without ground' if ground else ''}" in told["data"]


def test_poses_may_come_from_any_file(drive: Path, tmp_path: Path) -> None:
    poses = np.loadtxt(drive / "poses/00.txt")
    poses[:, 3] += 100.0 * np.arange(len(poses))  # of another drive: nothing can be right
    np.savetxt(tmp_path / "poses.txt", poses)
    output = tmp_path / "figures.json"
    status, text = evaluate(
        "--kitti", str(drive), "--poses", str(tmp_path / "poses.txt"), "--gaps", "4", "--json", str(output)
    )
    assert status == 0, text
    told = json.loads(output.read_text())["gaps"]["4"]
    assert told["success"] == 0.0
    assert told["misses"][0]["source"] == 4
    assert told["rte_m"] > 300.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--kitti", "/not/there"), "/not/there: no such directory"),
        (("--sequence", "42"), "no scans of sequence 42"),
        (("--gaps", "5"), "gap 5: a sequence of 5 scans has no two that are so far apart"),
        (("--gaps", "1,x"), "--gaps '1,x': it must be whole numbers above 0"),
        (("--gaps", "0"), "--gaps '0': it must be whole numbers above 0"),
        (("--gaps", "1", "--rotate", "up"), "there is no turn 'up': it must be one of none, yaw, so3"),
        (("--gaps", "1", "--model", "oracle"), "no source of hypotheses 'oracle'"),
        (("--poses", "/not/there.txt"), "/not/there.txt: No such file"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(
    drive: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    output = tmp_path / "figures.json"
    where = () if "--kitti" in arguments else ("--kitti", str(drive))
    status, text = evaluate(*where, *arguments, "--json", str(output))
    assert status == 1, text
    assert text.startswith("error:")
    assert message in text
    assert not output.exists()


def test_bad_poses_are_named(drive: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text("1 2 3\n")
    assert evaluate("--kitti", str(drive), "--poses", str(bad))[1].startswith(f"error: {bad}: 3 numbers a line")
    bad.write_text("1 0 0 0 0 1 0 0 0 0 1 0\n")
    status, text = evaluate("--kitti", str(drive), "--poses", str(bad))
    assert status == 1
    assert "no pose for frame" in text


def test_the_data_must_be_named() -> None:
    status, text = evaluate()
    assert status != 0
    assert "name the data" in text
