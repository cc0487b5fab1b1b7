"""`isometry export TASK` with what it cannot export; test/training exports untrained networks of every task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from isometry.cli.export import app

TASKS = sorted(str(command.name) for command in app.registered_commands)


def test_every_task_is_here() -> None:
    assert TASKS == [
        "depth",
        "depth-file",
        "flow-memory",
        "motion-prediction",
        "moving-digits",
        "place-recognition",
        "registration",
    ]


@pytest.mark.parametrize("task", [task for task in TASKS if task != "depth-file"])  # which takes no trained network
@pytest.mark.parametrize(("file", "reason"), [("nowhere.pt", "no such file"), ("{}/network.pt", "not a")])
def test_a_network_that_cannot_be_read_gets_one_line(
    refusal: Callable[..., str], nonsense: Path, task: str, file: str, reason: str
) -> None:
    notes = nonsense / "good.json"
    notes.write_text("{}")
    network = file.format(nonsense)
    line = refusal("export", task, network, "--output", nonsense / "new.onnx", "--notes", notes)
    assert line.startswith(f"{network}: {reason}")
    assert not (nonsense / "new.onnx").exists()


@pytest.mark.parametrize(("notes", "reason"), [("nowhere.json", "nowhere.json"), ("{}/notes.json", "")])
def test_notes_that_cannot_be_read_get_one_line(
    refusal: Callable[..., str], nonsense: Path, notes: str, reason: str
) -> None:
    output = nonsense / "new.onnx"
    line = refusal("export", "flow-memory", "filter", "--output", output, "--notes", notes.format(nonsense))
    assert reason in line
    assert not output.exists()
