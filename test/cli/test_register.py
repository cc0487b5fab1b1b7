"""`isometry register`, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import open3d
import pytest
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.cli.register import parse_viewpoint
from isometry.datasets.scan_pair import ScanPair
from isometry.simulation.pairs import simulated_pair


def register(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["register", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture(scope="module")
def pair() -> ScanPair:
    return simulated_pair("building", 1)


@pytest.fixture(scope="module")
def files(pair: ScanPair, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clouds")
    paths = {"target": folder / "target.pcd", "source": folder / "source.ply", "scan": folder / "000001.bin"}
    paths["short"] = folder / "short.bin"
    for name, points in (("target", pair.target), ("source", pair.source)):
        cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points.astype(np.float64)))
        assert open3d.io.write_point_cloud(paths[name], cloud)
    scan = np.column_stack([pair.source, np.zeros(len(pair.source))]).astype("<f4")
    scan.tofile(paths["scan"])
    scan[:50].tofile(paths["short"])
    return paths


@pytest.mark.parametrize("source", ["source", "scan"])
def test_two_files_are_registered(pair: ScanPair, files: dict[str, Path], tmp_path: Path, source: str) -> None:
    status, text = register(files["target"], files[source], "--json", tmp_path / "answer.json")
    assert status == 0, text
    assert ("read as 4 columns of float32, as KITTI T_target_source" in text) is (source == "scan")
    assert text.endswith("accepted")
    answer = json.loads((tmp_path / "answer.json").read_text())
    np.testing.assert_allclose(answer["T_target_source"], pair.T_target_source, atol=0.03)
    assert answer["accepted"] is True
    assert answer["data"] == f"target.pcd {files[source].name}"
    assert 0.0 < max(answer["sigma_translation_m"]) < 0.5


def test_the_columns_of_a_scan_are_told_and_said(pair: ScanPair, files: dict[str, Path], tmp_path: Path) -> None:
    ring = np.arange(len(pair.source)) % 32
    table = np.column_stack([pair.source, 255.0 * (ring % 2), ring]).astype("<f4")
    table.tofile(tmp_path / "scan.bin")
    status, text = register(files["target"], tmp_path / "scan.bin", "--json", tmp_path / "answer.json")
    assert status == 0, text
    assert "scan.bin: read as 5 columns of float32, as nuScenes" in text
    answer = json.loads((tmp_path / "answer.json").read_text())
    np.testing.assert_allclose(answer["T_target_source"], pair.T_target_source, atol=0.03)


def test_files_of_two_places_end_with_another_exit_code(files: dict[str, Path], tmp_path: Path) -> None:
    np.save(tmp_path / "elsewhere.npy", simulated_pair("building", 2).source)
    status, text = register(files["target"], tmp_path / "elsewhere.npy")
    assert status == 2
    assert "not accepted: " in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{target}", "/not/there.pcd"), "/not/there.pcd: no such file"),
        (("{target}", "{target}.txt"), "clouds are read from"),
        (("{target}", "{source}", "--model", "oracle"), "no source of hypotheses 'oracle'"),
        (("{target}", "{source}", "--provider", "webgpu"), "asked for WebGpuExecutionProvider"),
        (("{target}", "{source}", "--provider-options", "a=1"), "CPUExecutionProvider has none"),
        (("{target}", "{source}", "--resolution", "50"), "parameter resolution = 50.0 is outside"),
        (("{target}", "{source}", "--source-viewpoint", "here"), "must be auto, origin, none or x,y,z"),
        (("{target}", "{short}"), "short.bin: its values do not tell how many columns it has: give them (--columns"),
        (("{target}", "{short}", "--columns", "7"), "short.bin: truncated, 800 bytes"),
        (("{target}", "{scan}", "--columns", "5"), "000001.bin: "),
        (("{target}", "{source}", "--columns", "5"), "--columns 5: neither file ends in .bin"),
        (("{target}", "{few}"), "source: a cloud has 3 finite points"),
        (("{millimetres}", "{source}"), "target: the points of a cloud lie"),
    ],
)
def test_bad_input_is_said_in_one_line(
    pair: ScanPair, files: dict[str, Path], tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    named = files | {"few": tmp_path / "few.npy", "millimetres": tmp_path / "millimetres.npy"}
    np.save(named["few"], np.eye(3))
    np.save(named["millimetres"], pair.target * 1000.0)
    output = tmp_path / "answer.json"
    status, text = register(*(each.format(**named) for each in arguments), "--json", output)
    assert status == 1
    assert text.startswith("error:")
    assert message in text
    assert not output.exists()


def test_viewpoints_are_said_or_known_by_the_ending() -> None:
    scan, cloud = Path("000001.bin"), Path("map.pcd")
    np.testing.assert_array_equal(parse_viewpoint(scan, "auto"), np.zeros(3))
    assert parse_viewpoint(cloud, "auto") is None
    assert parse_viewpoint(scan, "none") is None
    np.testing.assert_array_equal(parse_viewpoint(cloud, "origin"), np.zeros(3))
    np.testing.assert_array_equal(parse_viewpoint(cloud, "1,-2.5,0"), [1.0, -2.5, 0.0])
    for bad in ("1,2", "x", "1,2,nan", ""):
        with pytest.raises(ValueError, match="must be auto, origin, none or x,y,z"):
            parse_viewpoint(cloud, bad)
