"""`isometry models`, as a user calls it; test/inference/test_contract.py has what `show` measures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.inference import read_card, shipped_models


def test_each_shipped_model_has_one_line_that_says_what_it_is() -> None:
    result = CliRunner().invoke(app, ["models", "list"], env={"COLUMNS": "20"})
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    cards = {name: read_card(path) for name, path in shipped_models().items()}
    assert len(cards) > 5
    assert [line.split()[:3] for line in lines] == [
        [name, card["task"], f"{card['bytes']:,}"] for name, card in cards.items()
    ]
    for line, card in zip(lines, cards.values(), strict=True):
        assert line.endswith(f"{card['symmetry']['group']}; {card['licence']}")


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("segmentation", "no shipped model 'segmentation', only depth, flow_filter"),
        ("/nonexistent.onnx", "/nonexistent.onnx: no such model file"),
        ("{}/model.onnx", "{}/model.onnx"),
    ],
)
def test_a_model_that_cannot_be_shown_gets_one_line(
    refusal: Callable[..., str], nonsense: Path, model: str, reason: str
) -> None:
    assert refusal("models", "show", model.format(nonsense)).startswith(reason.format(nonsense))


def test_a_check_measures_each_file_and_writes_its_figures(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    result = CliRunner().invoke(app, ["models", "check", "motion_prediction", "--json", str(file)])
    assert result.exit_code == 0, result.output
    figures = json.loads(file.read_text())
    assert (figures["provider"], figures["threads"]) == ("cpu", 1)
    row, card = figures["files"]["motion_prediction"], read_card(shipped_models()["motion_prediction"])
    assert "motion_prediction" in result.output
    assert row["sha256"] == card["sha256"]
    assert row["symmetry_on_card"]["turned_mirrored_moved_m"] == card["symmetry"]["turned_mirrored_moved_m"]
    assert 0.0 < row["symmetry"]["turned_mirrored_moved_m"] < 1e-3
    assert row["difference_to_cpu"] == 0.0
    assert row["faults"] == []


@pytest.fixture
def boastful(tmp_path: Path) -> Path:
    """A model file on whose card the error of an inexact symmetry is told too small."""
    shipped = shipped_models()["moving_digits_translating_plain"]
    copy = Path(shutil.copy(shipped, tmp_path))
    card = read_card(shipped)
    card["symmetry"]["moving_input"] /= 2.0
    copy.with_suffix(".json").write_text(json.dumps(card))
    return copy


def test_a_file_that_is_worse_than_its_card_says_is_named_and_its_figures_are_kept(
    boastful: Path, tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    figures = tmp_path / "figures.json"
    result = CliRunner().invoke(app, ["models", "check", str(boastful), "--json", str(figures)])
    assert result.exit_code == 1
    assert f"error: {boastful}: moving_input is 1.0e+00, where the card says 5.2e-01" in result.output
    assert len(json.loads(figures.read_text())["files"][boastful.stem]["faults"]) == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--provider", "abacus"), "provider 'abacus' is none of onnxruntime"),
        (("--provider", "webgpu"), "flow_filter.onnx: asked for WebGpuExecutionProvider"),
        (("--provider", "cuda", "--provider-options", "use_tf32"), "write name=value"),
        (("--provider", "cpu", "--provider-options", "use_tf32=0"), "CPUExecutionProvider has none"),
    ],
)
def test_a_check_on_a_provider_that_does_not_run_is_refused(arguments: tuple[str, ...], reason: str) -> None:
    result = CliRunner().invoke(app, ["models", "check", "flow_filter", *arguments])
    assert result.exit_code == 1
    (line,) = (line for line in result.output.splitlines() if line.startswith("error: "))
    assert reason in line


def test_a_check_of_an_unknown_model_gets_one_line(refusal: Callable[..., str]) -> None:
    assert refusal("models", "check", "segmentation").startswith("no shipped model 'segmentation'")
