"""`isometry view` with what it cannot show; test/evaluation/replay/tracking/test_view.py has the pages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("nowhere",), "nowhere: no such file or directory"),
        (("{}/bag.mcap",), "{}/bag.mcap: not a readable bag"),
        (("{}/empty",), "{}/empty: not a readable bag"),
        (("{}/bag.mcap", "--recording", "nowhere.npz"), "nowhere.npz"),
        (("{}/bag.mcap", "--recording", "{}/recording.npz"), ""),
    ],
)
def test_bad_input_gets_one_line(
    refusal: Callable[..., str], nonsense: Path, arguments: tuple[str, ...], reason: str
) -> None:
    pytest.importorskip("viser")
    assert reason.format(nonsense) in refusal("view", *(argument.format(nonsense) for argument in arguments))


def test_without_viser_one_line_says_how_to_install_it(
    refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "viser", None)
    for name in ("views", "scene"):  # as if they had not been imported yet
        monkeypatch.delitem(sys.modules, f"isometry.evaluation.replay.{name}", raising=False)
    for capability in ("depth_egomotion", "lidar_odometry", "place_recognition", "relocalization", "tracking"):
        monkeypatch.delitem(sys.modules, f"isometry.evaluation.replay.{capability}.view", raising=False)
        monkeypatch.delattr(f"isometry.evaluation.replay.{capability}.view", raising=False)
    assert refusal("view", "nowhere") == "viser is not installed: pip install viser"
