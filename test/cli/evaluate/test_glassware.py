"""`isometry evaluate glassware` on the real recording, and its bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from isometry.cli.main import app


@pytest.mark.slow
def test_glassware_is_placed_better_than_by_the_trivial_method(shared_data: Path, tmp_path: Path) -> None:
    recording = shared_data / "objects/organa_glassware"
    if not recording.is_dir():
        pytest.skip(f"needs {recording}")
    errors = {}
    for name, options in (("outline", []), ("trivial", ["--trivial"])):
        output = tmp_path / f"{name}.json"
        command = ["evaluate", "glassware", "--recording", str(recording), *options, "--json", str(output)]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        figures = json.loads(output.read_text())
        assert figures["n"] == len(figures["objects"]) > 50
        errors[name] = figures["base_error_m"]
        other = figures["other_method_base_error_m"]
    assert errors["outline"] < 0.02
    assert errors["outline"] < 0.7 * min(errors["trivial"], other)


def test_a_folder_without_frames_is_one_line(tmp_path: Path, refusal: Callable[..., str]) -> None:
    assert "no SCENE/STAMP_gt.json in it" in refusal("evaluate", "glassware", "--recording", tmp_path)
