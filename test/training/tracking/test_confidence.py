"""The confidence of tracks, fitted to labelled drives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.tracking.detection.detector_models import confidence, evidence_of
from isometry.training.tracking.confidence import ObservedTracks, fitted_log_odds, missing_deviation


def test_the_weights_that_made_the_tracks_right_are_found() -> None:
    rng = np.random.default_rng(0)
    score, range_m = rng.uniform(0.0, 10.0, 40_000), rng.uniform(5.0, 70.0, 40_000)
    evidence = evidence_of(score, rng.integers(1, 60, 40_000), range_m)
    weights = np.array([-5.0, 0.9, 0.8, 0.02])
    right = rng.uniform(size=40_000) < confidence(np.tile(weights, (40_000, 1)), evidence)
    np.testing.assert_allclose(fitted_log_odds(evidence, right), weights, rtol=0.12, atol=0.01)


def test_a_fit_needs_right_and_wrong_tracks() -> None:
    with pytest.raises(ValueError, match="needs right and wrong ones"):
        fitted_log_odds(np.ones((3, 4)), np.ones(3, bool))


def test_deviation_that_is_missing_is_found() -> None:
    errors = np.random.default_rng(1).normal(scale=np.hypot(0.05, 0.2), size=(20_000, 2))
    tracks = ObservedTracks(np.zeros((0, 4)), np.zeros(0, bool), errors, np.full((20_000, 2), 0.05**2))
    assert missing_deviation(tracks) == pytest.approx(0.2, rel=0.05)


def test_less_than_a_centimetre_is_not_missing() -> None:
    errors = np.random.default_rng(1).normal(scale=np.hypot(0.05, 0.008), size=(20_000, 2))
    tracks = ObservedTracks(np.zeros((0, 4)), np.zeros(0, bool), errors, np.full((20_000, 2), 0.05**2))
    assert missing_deviation(tracks) == 0.0


def test_command_prints_constants(simulated_tracking: Path) -> None:
    arguments = ["--kitti-tracking", str(simulated_tracking), "--sequences", "0", "--classes", "Car"]
    result = CliRunner().invoke(app, ["train", "tracking-confidence", *arguments, "--detections", "simulated"])
    assert result.exit_code == 0, result.output
    assert "Car: log_odds = (" in result.output
