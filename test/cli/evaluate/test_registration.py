"""`isometry evaluate registration`, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import open3d
import pytest
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.simulation.drive import SimulatedDrive, write_simulated_drive
from isometry.simulation.pairs import simulated_pair
from isometry.simulation.sensors.lidar import SpinningLidar


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
    written = json.loads(output.read_text())
    assert {gap: figures["n"] for gap, figures in written["gaps"].items()} == {"1": 2, "3": 1}
    for figures in written["gaps"].values():
        assert figures["success"] == 1.0
        assert figures["rre_deg"] < 1.0
        assert figures["rte_m"] < 0.2
        assert 0.0 < figures["seconds"] < 60.0
    assert written["gaps"]["3"]["distance_m"] == pytest.approx(3.0, abs=0.1)
    assert {"commit", "machine", "model", "wrong_accepted_at_95_kept", "inside_2_sigma"} <= set(written)
    assert written["model"]["sha256"].endswith(" on CPUExecutionProvider")
    assert f"gaps 1,3 every 2 rotate so3 seed 0{' without ground' if ground else ''}" in written["data"]


def test_poses_may_come_from_any_file(drive: Path, tmp_path: Path) -> None:
    poses = np.loadtxt(drive / "poses/00.txt")
    poses[:, 3] += 100.0 * np.arange(len(poses))  # of another drive: nothing can be right
    np.savetxt(tmp_path / "poses.txt", poses)
    output = tmp_path / "figures.json"
    status, text = evaluate(
        "--kitti", str(drive), "--poses", str(tmp_path / "poses.txt"), "--gaps", "4", "--json", str(output)
    )
    assert status == 0, text
    written = json.loads(output.read_text())["gaps"]["4"]
    assert written["success"] == 0.0
    assert written["misses"][0]["source"] == 4
    assert written["rte_m"] > 300.0


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
        (("--gaps", "1", "--provider", "abacus"), "provider 'abacus' is none of onnxruntime"),
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


@pytest.mark.parametrize("arguments", [(), ("--kitti", "a", "--seven-scenes", "b")])
def test_one_set_of_data_must_be_named(arguments: tuple[str, ...]) -> None:
    status, text = evaluate(*arguments)
    assert status != 0
    assert "name the data" in text


@pytest.fixture(scope="module")
def three_d_match(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene in the layout of PREDATOR: two views of a simulated building, as fragments 0 and 2, and as 0 and 1."""
    pair = simulated_pair("building", 1)
    root = tmp_path_factory.mktemp("published")
    truth, fragments = root / "configs/benchmarks/3DLoMatch/house", root / "data/test/house"
    truth.mkdir(parents=True)
    fragments.mkdir(parents=True)
    for number, points in ((0, pair.target), (1, pair.source), (2, pair.source)):
        cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points.astype(np.float64)))
        open3d.io.write_point_cloud(fragments / f"cloud_bin_{number}.ply", cloud)
    for name, matrix in (("gt.log", pair.T_target_source), ("gt.info", 500.0 * np.eye(6))):
        rows = "\n".join(" ".join(f"{value:.9f}" for value in row) for row in matrix)
        (truth / name).write_text("".join(f"0 {source} 3\n{rows}\n" for source in (1, 2)))
    return root


@pytest.mark.parametrize("rotate", ["auto", "so3"])
def test_the_published_fragments_are_registered(three_d_match: Path, tmp_path: Path, rotate: str) -> None:
    output, page = tmp_path / "figures.json", tmp_path / "page.html"
    where = ("--three-d-match", str(three_d_match), "--benchmark", "3DLoMatch", "--rotate", rotate)
    status, text = evaluate(*where, "--json", str(output), "--report", str(page))
    assert status == 0, text
    written = json.loads(output.read_text())
    assert written["registration_recall"] == written["scenes"]["house"]["registration_recall"] == 1.0
    assert written["median_rre_deg"] < 1.0
    assert {group: figures["n"] for group, figures in written["pairs"].items()} == {
        "neighbours_in_time": 1,
        "counted": 1,
    }
    assert written["data"] == f"3DLoMatch 1 scenes rotate {'none' if rotate == 'auto' else rotate} seed 0"
    assert page.stat().st_size > 1_000_000  # with all that its plots need


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--three-d-match", "{}"), "no 3DMatch in it"),
        (("--three-d-match", "{}", "--benchmark", "4DMatch"), "--benchmark 4DMatch: it must be one of"),
        (("--three-d-match", "/not/there"), "/not/there: no such directory"),
        (("--seven-scenes", "{}"), "no seq-NN folder in it"),
        (("--kitti", "{}", "--kitti-protocol"), "no scans of sequence 08"),
    ],
)
def test_published_data_that_is_not_there_is_named(
    three_d_match: Path, arguments: tuple[str, ...], message: str
) -> None:
    status, text = evaluate(*(each.format(three_d_match) for each in arguments))
    assert status == 1, text
    assert message in text
