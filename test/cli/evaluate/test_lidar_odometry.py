"""`isometry evaluate lidar-odometry`, as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from isometry.cli.main import app


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--world", "atlantis"), "atlantis"),
        (("--kitti", "nowhere"), "nowhere"),
        ((), "--world"),
        (("--world", "tunnel", "--kitti", "nowhere"), "--world"),
    ],
)
def test_data_that_is_not_there_gets_one_line(
    refusal: Callable[..., str], arguments: tuple[str, ...], word: str
) -> None:
    assert word in refusal("evaluate", "lidar-odometry", *arguments)


def test_a_tunnel_is_measured_and_its_axis_is_free(tmp_path: Path) -> None:
    files = {"--json": tmp_path / "figures.json", "--report": tmp_path / "page.html"}
    arguments = ["evaluate", "lidar-odometry", "--world", "tunnel", "--seed", "2", "--scans", "30"]
    result = CliRunner().invoke(app, [*arguments, *(str(part) for pair in files.items() for part in pair)])
    assert result.exit_code == 0, result.output
    found = json.loads(files["--json"].read_text())
    assert found["n"] == 30
    assert found["data"] == "world tunnel seed 2 scans 30"
    assert set(found["inside_2_sigma"]) == {"x", "y", "z", "roll", "pitch", "yaw"}
    assert files["--report"].stat().st_size > 100_000
