"""The whole way of the experiment in small: training, export, evaluation, its page."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.datasets.moving_digits import SEEN, Motion, MovingDigits
from isometry.evaluation.moving_digits.measure import DigitsPredictor, errors_by_frame, shipped
from isometry.inference import ModelMismatchError
from isometry.training.moving_digits.export import export_moving_digits
from isometry.training.moving_digits.recipe import MovingDigitsTrainingParameters
from isometry.training.moving_digits.train import load_trained, new_network, predict, train

TINY = MovingDigitsTrainingParameters(steps=3, batch=2, hidden=4, checkpoint_every=2)


@pytest.mark.parametrize("network", ["flow", "plain"])
def test_training_writes_a_log_and_a_network(tmp_path: Path, network: str) -> None:
    trained = train("translating", network, TINY, tmp_path)
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [float(row["step"]) for row in rows] == [2, 3]
    assert all(np.isfinite(float(value)) for row in rows for value in row.values())
    loaded, name, motion, recipe = load_trained(tmp_path / f"moving_digits_translating_{network}.pt")
    assert (name, motion, recipe["steps"]) == (network, "translating", 3)
    for key, value in trained.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[key])


def test_a_training_that_was_interrupted_ends_as_one_that_was_not(tmp_path: Path) -> None:
    def interrupt(done: int, _total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    whole = train("translating", "flow", TINY, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train("translating", "flow", TINY, tmp_path, progress=interrupt)
    resumed = train("translating", "flow", TINY, tmp_path, tmp_path / "checkpoint.pt")
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key])


def test_networks_files_and_motions_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no network 'other'"):
        new_network("other", "translating", 4, 2)
    (tmp_path / "x.pt").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not a trained network"):
        load_trained(tmp_path / "x.pt")


@pytest.mark.parametrize("motion", ["translating", "rotating"])
@pytest.mark.parametrize("name", ["flow", "plain"])
def test_the_exported_step_predicts_what_the_network_does(tmp_path: Path, motion: Motion, name: str) -> None:
    torch.manual_seed(0)
    network = new_network(name, motion, 4, 2).eval()
    card = export_moving_digits(network, name, motion, tmp_path / "step.onnx", {"licence": "none"})
    assert card["symmetry"]["difference_to_torch"] < 1e-5
    predictor = DigitsPredictor(tmp_path / "step.onnx", motion)
    images = MovingDigits(motion, 2, training=False).sequences(np.random.default_rng(0), 3, SEEN)
    with torch.no_grad():
        expected = predict(network, torch.from_numpy(images), 12).numpy()
    np.testing.assert_allclose(predictor.predict(images, 12), expected, atol=1e-5)
    other: Motion = "rotating" if motion == "translating" else "translating"
    with pytest.raises(ModelMismatchError, match=f"made for {motion} digits"):
        DigitsPredictor(tmp_path / "step.onnx", other)


@pytest.mark.parametrize("motion", ["translating", "rotating"])
def test_the_shipped_flow_file_errs_by_a_tenth_of_the_ordinary_one_at_most_and_no_more_later(motion: Motion) -> None:
    drawn = MovingDigits(motion, 1, training=False).sequences(np.random.default_rng(7), 12, 70)
    flow, plain = (errors_by_frame(DigitsPredictor(shipped(motion, name), motion), drawn) for name in ("flow", "plain"))
    assert flow[:10].mean() < 0.1 * plain[:10].mean()
    assert flow[10:].mean() < 1.5 * flow[:10].mean()


def test_evaluation_writes_figures_and_a_page(tmp_path: Path) -> None:
    arguments = ["evaluate", "moving-digits", "--sequences", "2", "--json", str(tmp_path / "f.json")]
    run = CliRunner().invoke(app, [*arguments, "--report", str(tmp_path / "page.html")])
    assert run.exit_code == 0, run.output
    figures = json.loads((tmp_path / "f.json").read_text())
    assert set(figures["networks"]) == {"flow", "plain"}
    assert figures["networks"]["flow"]["hidden_channels"] == figures["networks"]["plain"]["hidden_channels"]
    assert len(figures["networks"]["flow"]["by_velocity"]["2"]["by_frame"]) == 60
    assert figures["step_time_ratio"] == pytest.approx(figures["step_us"]["flow"] / figures["step_us"]["plain"])
    assert "Error over frames" in (tmp_path / "page.html").read_text()


def test_bad_input_to_the_commands_is_one_clear_line(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["evaluate", "moving-digits", "--motion", "zooming"])
    assert run.exit_code == 1
    assert "not by 'zooming'" in run.output
    run = CliRunner().invoke(app, ["train", "moving-digits", "--network", "other", "--output", str(tmp_path)])
    assert run.exit_code == 1
    assert "no network 'other'" in run.output
