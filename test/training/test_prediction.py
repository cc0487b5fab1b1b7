"""Training of motion prediction: scenes, what varies them, a short training, its export and its commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the extra `train`")

from typer.testing import CliRunner  # noqa: E402

from isometry.cli.main import app  # noqa: E402
from isometry.models.equivariant_motion import HISTORY, STEPS  # noqa: E402
from isometry.tracking.prediction import MotionPredictor  # noqa: E402
from isometry.training.prediction import load_trained, negative_log_likelihood, train  # noqa: E402
from isometry.training.prediction_export import export_motion_network  # noqa: E402
from isometry.training.prediction_parameters import PredictionTrainingParameters  # noqa: E402
from isometry.training.prediction_scenes import MOST_AGENTS, Scenes, scenes_of, simulated_scenes  # noqa: E402
from isometry.training.prediction_variation import varied  # noqa: E402

FEW = PredictionTrainingParameters(steps=30, scenes=8, learning_rate=1e-2, average=0.5, checkpoint_every=15)
EXACT = PredictionTrainingParameters(
    most_noise_m=0.0, dropped=0.0, short=0.0, unseen=0.0, scale=0.0, drift_mps=0.0, drift_rad_s=0.0
)


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    """Cars that slow down, all alike: what a constant velocity gets wrong is easy to learn."""
    random = np.random.default_rng(0)
    times = 0.1 * np.arange(HISTORY + STEPS) - 0.1 * (HISTORY - 1)
    heading = random.uniform(0.0, 2.0 * np.pi, (40, 3))
    way = 12.0 * times - 0.5 * 3.0 * times**2
    positions = np.full((40, MOST_AGENTS, HISTORY + STEPS, 2), np.nan, np.float32)
    ahead = np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    positions[:, :3] = random.uniform(-20.0, 20.0, (40, 3, 1, 2)) + way[:, None] * ahead[:, :, None]
    kinds = np.zeros((40, MOST_AGENTS, 3), np.float32)
    kinds[:, :3, 0] = 1.0
    return Scenes(positions, kinds)


def test_scenes_hold_what_was_and_what_came() -> None:
    times = np.arange(60.0)
    positions = np.stack([np.column_stack([times, 0.0 * times]), np.column_stack([times, 5.0 + times])], axis=1)
    positions[:30, 1] = np.nan
    found = scenes_of(positions, ["Car", "Pedestrian"], range(5, 60, 10), np.random.default_rng(0))
    assert len(found) == 6
    moment = 5 + 10 * np.arange(6)
    for scene, kinds, now in zip(found.positions, found.kinds, moment, strict=True):
        there = np.isfinite(scene[:, HISTORY - 1, 0])
        assert there.sum() == (1 if now < 30 else 2)
        car = scene[kinds[:, 0] == 1.0][0]
        assert np.isfinite(car[:, 0]).sum() == min(int(now), HISTORY - 1) + 1 + min(59 - int(now), STEPS)
        np.testing.assert_allclose(np.diff(car[np.isfinite(car[:, 0]), 0]), 1.0)


def test_simulated_scenes_are_the_same_again(tmp_path: Path) -> None:
    first, again = simulated_scenes(range(2)), simulated_scenes(range(2))
    np.testing.assert_array_equal(first.positions, again.positions)
    first.save(tmp_path / "scenes.npz")
    np.testing.assert_array_equal(Scenes.load(tmp_path / "scenes.npz").positions, first.positions)
    (tmp_path / "other.npz").write_text("no scenes")
    with pytest.raises(ValueError, match=r"other\.npz: no scenes"):
        Scenes.load(tmp_path / "other.npz")


def test_variation_moves_scenes_as_a_whole(scenes: Scenes) -> None:
    batch = varied(scenes, EXACT, np.random.default_rng(0))
    before, after = scenes.positions[:, :3], np.concatenate([batch["history"], batch["future"]], axis=2)[:, :3]
    np.testing.assert_allclose(
        np.linalg.norm(before[:, 0] - before[:, 1], axis=-1),
        np.linalg.norm(after[:, 0] - after[:, 1], axis=-1),
        atol=1e-3,
    )
    assert not np.allclose(before, after, atol=1.0)
    assert (batch["seen"][:, 3:] == 0.0).all()


def test_variation_hides_and_disturbs_histories_but_never_now(scenes: Scenes) -> None:
    rough = replace(EXACT, most_noise_m=0.3, dropped=0.3, short=1.0)
    batch = varied(scenes, rough, np.random.default_rng(0))
    assert (batch["seen"][:, :3, -1] == 1.0).all()
    assert 0.2 < float(batch["seen"][:, :3].mean()) < 0.8
    assert torch.isfinite(batch["velocity"]).all()


def test_the_likelihood_is_that_of_a_normal_distribution() -> None:
    covariance = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    error = torch.tensor([0.7, -1.1], dtype=torch.float64)
    expected = -torch.distributions.MultivariateNormal(torch.zeros(2, dtype=torch.float64), covariance).log_prob(error)
    found = negative_log_likelihood(error, covariance) + np.log(2.0 * np.pi)
    torch.testing.assert_close(found, expected)


def test_a_short_training_learns_to_brake_goes_on_and_is_exported(scenes: Scenes, tmp_path: Path) -> None:
    finished = train(scenes, scenes, FEW, tmp_path)
    again = train(scenes, None, FEW, tmp_path, resume=tmp_path / "checkpoint.pt")
    torch.testing.assert_close(again.gates.weight, finished.gates.weight)
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "15", "30"]
    network, recipe = load_trained(tmp_path / "motion_prediction.pt")
    assert recipe["steps_done"] == 30
    card = export_motion_network(network, tmp_path / "motion.onnx", {"licence": "free"})
    assert card["symmetry"]["turned_mirrored_moved_m"] < 1e-3
    times = 0.1 * np.arange(1 - HISTORY, 1)
    history = np.column_stack([12.0 * times - 1.5 * times**2, 0.0 * times])[None]
    truth = 12.0 * 3.0 - 1.5 * 9.0
    learnt = MotionPredictor.load(tmp_path / "motion.onnx").predict(history, None, ["car"])[0][0, -1, 0]
    straight = MotionPredictor.load(name="constant_velocity").predict(history, None, ["car"])[0][0, -1, 0]
    assert abs(learnt - truth) < 0.7 * abs(straight - truth)


def test_what_is_no_trained_network_is_named(tmp_path: Path) -> None:
    (tmp_path / "other.pt").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"other\.pt: not a trained network"):
        load_trained(tmp_path / "other.pt")


@pytest.mark.slow
def test_the_commands_lead_from_scenes_to_a_file(tmp_path: Path) -> None:
    def run(*arguments: str) -> None:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == 0, result.output

    scenes, output, model = tmp_path / "scenes", tmp_path / "trained", tmp_path / "motion.onnx"
    run("train", "motion-scenes", "--output", str(scenes), "--simulated", "3")
    run("train", "motion-prediction", "--scenes", str(scenes), "--output", str(output), "--steps", "2")
    notes = tmp_path / "notes.json"
    notes.write_text(json.dumps({"licence": "free"}))
    trained = str(output / "motion_prediction.pt")
    run("export", "motion-prediction", trained, "--output", str(model), "--notes", str(notes))
    assert MotionPredictor.load(model).name == "motion"
