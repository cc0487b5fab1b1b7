"""What several tests of commands need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from isometry.cli.main import app


@pytest.fixture
def refusal() -> Callable[..., str]:
    """Run a command that must refuse its input: exactly one line, exit code 1. Returns the line without `error: `."""

    def run(*arguments: str | Path) -> str:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == 1, result.output
        (line,) = (line for line in result.output.splitlines() if line.strip())
        assert line.startswith("error: ")
        return line.removeprefix("error: ")

    return run


@pytest.fixture
def nonsense(tmp_path: Path) -> Path:
    """A folder of files that are not what their endings say, and an empty folder."""
    for name in ("bag.mcap", "network.pt", "notes.json", "recording.npz", "model.onnx"):
        (tmp_path / name).write_text("nonsense\n")
    (tmp_path / "empty").mkdir()
    return tmp_path
