"""`isometry models`, as a user calls it; test/inference/test_contract.py has what `show` measures."""

from __future__ import annotations

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
        ("segmentation", "no shipped model 'segmentation', only flow_filter"),
        ("/nonexistent.onnx", "/nonexistent.onnx: no such model file"),
        ("{}/model.onnx", "{}/model.onnx"),
    ],
)
def test_a_model_that_cannot_be_shown_gets_one_line(
    refusal: Callable[..., str], nonsense: Path, model: str, reason: str
) -> None:
    assert refusal("models", "show", model.format(nonsense)).startswith(reason.format(nonsense))
