"""`isometry evaluate flow-memory`, as a user calls it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def test_nothing_to_measure_gets_one_line(refusal: Callable[..., str], tmp_path: Path) -> None:
    line = refusal("evaluate", "flow-memory", "--drives", "0", "--json", tmp_path / "figures.json")
    assert "--drives" in line
    assert "--kitti-tracking" in line
    assert not (tmp_path / "figures.json").exists()


def test_a_model_that_does_not_exist_is_named(refusal: Callable[..., str]) -> None:
    assert "nowhere.onnx" in refusal("evaluate", "flow-memory", "--drives", "1", "--model", "nowhere.onnx")
