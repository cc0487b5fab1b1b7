"""`isometry evaluate place-recognition` with what it cannot measure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from isometry.cli.main import app

FRAMES = ("--sequence", "00", "--database", "0:6", "--queries", "6:12")


@pytest.mark.parametrize(("option", "value"), [("--every", "0"), ("--yaw-sweep", "-1")])
def test_numbers_that_leave_nothing_to_measure_are_refused(simulated_kitti: Path, option: str, value: str) -> None:
    arguments = ["evaluate", "place-recognition", "--kitti", str(simulated_kitti), *FRAMES, option, value]
    result = CliRunner().invoke(app, arguments, env={"NO_COLOR": "1"})
    assert result.exit_code == 2, result.output
    assert f"Invalid value for '{option}'" in result.output


def test_a_drive_that_is_not_there_gets_one_line(refusal: Callable[..., str]) -> None:
    line = refusal("evaluate", "place-recognition", "--kitti", "nowhere", *FRAMES)
    assert line.startswith("nowhere/sequences/00/velodyne: no such directory")


@pytest.mark.parametrize(
    ("frames", "words"), [("--database", "no scan of the database"), ("--queries", "none of the 0")]
)
def test_frames_beyond_the_drive_get_a_line(simulated_kitti: Path, frames: str, words: str) -> None:
    arguments = ["evaluate", "place-recognition", "--kitti", str(simulated_kitti), *FRAMES, frames, "9000:9010"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1, result.output
    assert f"error: {words}" in result.output


def test_a_provider_that_does_not_run_the_model_gets_one_line(
    simulated_kitti: Path, refusal: Callable[..., str]
) -> None:
    line = refusal("evaluate", "place-recognition", "--kitti", simulated_kitti, *FRAMES, "--provider", "webgpu")
    assert "place_recognition.onnx: asked for WebGpuExecutionProvider, which the installed onnxruntime lacks" in line
