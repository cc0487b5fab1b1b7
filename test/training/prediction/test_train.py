"""Training of motion prediction: scenes, what varies them, a short training, its export and its commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="torch is in the extra `train`")

from typer.testing import CliRunner  # noqa: E402

from isometry.cli.main import app  # noqa: E402
from isometry.models.equivariant_motion import HISTORY, STEPS  # noqa: E402
from isometry.tracking.prediction.predictor import MotionPredictor, known_velocities, network_inputs  # noqa: E402
from isometry.training.prediction.augmentation import augmented  # noqa: E402
from isometry.training.prediction.export import export_motion_network  # noqa: E402
from isometry.training.prediction.losses import negative_log_likelihood  # noqa: E402
from isometry.training.prediction.recipe import PredictionTrainingParameters  # noqa: E402
from isometry.training.prediction.scenes import MOST_AGENTS, Scenes, scenes_of, simulated_scenes  # noqa: E402
from isometry.training.prediction.train import load_trained, train  # noqa: E402

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
    with pytest.raises(ValueError, match=r"other\.npz: not scenes of motion prediction"):
        Scenes.load(tmp_path / "other.npz")


def test_augmentation_moves_scenes_as_a_whole(scenes: Scenes) -> None:
    def apart(positions: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(np.linalg.norm(positions[:, 0] - positions[:, 1], axis=-1))

    def around(parameters: PredictionTrainingParameters) -> NDArray[np.float32]:
        batch = augmented(scenes, parameters, np.random.default_rng(0))
        assert (batch["seen"][:, 3:] == 0.0).all()
        return np.asarray(np.concatenate([batch["history"], batch["future"]], axis=2)[:, :3])

    before = scenes.positions[:, :3]
    np.testing.assert_allclose(around(EXACT), before, atol=1e-4)
    drifting = around(replace(EXACT, drift_mps=1.0, drift_rad_s=0.1))
    assert np.abs(drifting - before).max() > 0.5
    np.testing.assert_allclose(apart(drifting), apart(before), atol=1e-3)
    np.testing.assert_allclose(drifting[:, :, HISTORY - 1], before[:, :, HISTORY - 1], atol=1e-3)
    ratio = apart(around(replace(EXACT, scale=0.5))) / apart(before)
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape), rtol=1e-3)
    assert 0.5 < ratio.min() < 0.8 < 1.2 < ratio.max() < 1.5


def test_augmentation_hides_and_disturbs_histories_but_never_now(scenes: Scenes) -> None:
    rough = replace(EXACT, most_noise_m=0.3, dropped=0.3, short=1.0)
    batch = augmented(scenes, rough, np.random.default_rng(0))
    assert (batch["seen"][:, :3, -1] == 1.0).all()
    assert 0.2 < float(batch["seen"][:, :3].mean()) < 0.8
    assert torch.isfinite(batch["velocity"]).all()


def test_the_likelihood_is_that_of_a_normal_distribution() -> None:
    covariance = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    error = torch.tensor([0.7, -1.1], dtype=torch.float64)
    expected = -torch.distributions.MultivariateNormal(torch.zeros(2, dtype=torch.float64), covariance).log_prob(error)
    found = negative_log_likelihood(error, covariance) + np.log(2.0 * np.pi)
    torch.testing.assert_close(found, expected)


@pytest.fixture(scope="module")
def trained(scenes: Scenes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a short training."""
    folder = tmp_path_factory.mktemp("trained")
    train(scenes, scenes, FEW, folder)
    return folder


def _braking() -> tuple[NDArray[np.float64], float]:
    """History (1,21,2) of a car that slows down by 3 m/s2, and where it is after 3 s."""
    times = 0.1 * np.arange(1 - HISTORY, 1)
    return np.column_stack([12.0 * times - 1.5 * times**2, 0.0 * times])[None], 12.0 * 3.0 - 1.5 * 9.0


def test_a_short_training_learns_to_brake(trained: Path) -> None:
    rows = (trained / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "15", "30"]
    network, recipe = load_trained(trained / "motion_prediction.pt")
    assert recipe["steps_done"] == 30
    history, truth = _braking()
    straight = MotionPredictor.load(name="constant_velocity").predict(history, None, ["car"])[0][0, -1, 0]
    inputs = network_inputs(history, known_velocities(history, np.full((1, 2), np.nan)), ["car"])
    with torch.no_grad():
        path = network(*(torch.from_numpy(inputs[name]) for name in ("history", "seen", "velocity", "kind")))[0]
    assert abs(float(path[0, -1, 0]) - truth) < 0.7 * abs(straight - truth)


def test_a_training_goes_on_from_its_checkpoint(scenes: Scenes, trained: Path, tmp_path: Path) -> None:
    again = train(scenes, None, FEW, tmp_path, resume=trained / "checkpoint.pt")
    torch.testing.assert_close(again.gates.weight, load_trained(trained / "motion_prediction.pt")[0].gates.weight)


@pytest.mark.slow
def test_an_exported_network_says_the_same_and_keeps_its_symmetry(trained: Path, tmp_path: Path) -> None:
    network, _ = load_trained(trained / "motion_prediction.pt")
    card = export_motion_network(network, tmp_path / "motion.onnx", {"licence": "free"})
    assert card["symmetry"]["turned_mirrored_moved_m"] < 1e-3
    assert card["symmetry"]["difference_to_torch"] < 1e-3
    history, truth = _braking()
    path, _ = MotionPredictor.load(tmp_path / "motion.onnx").predict(history, None, ["car"])
    assert abs(path[0, -1, 0] - truth) < 5.0


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
