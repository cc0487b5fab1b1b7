"""The fit of confidence and variance, to registrations whose law is known."""

from dataclasses import replace

import numpy as np
import pytest

from isometry.registration import calibration
from isometry.registration.pipeline import load_registrar
from isometry.registration.types import Registration
from isometry.simulation.pairs import simulated_pair
from isometry.training.registration.calibration import RegisteredPair, fit_confidence, fit_deviation_scale, registered

NAMES = ("log_overlap", "contradiction", "blind", "margin", "log_distinctness", "log_stiffness")


def made_up(count: int, sigmas: float, blind: float) -> list[RegisteredPair]:
    """Registrations that are right when evidence and noise are large; errors of `sigmas` times the stated deviation."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(count):
        evidence = dict(zip(NAMES, random.normal(size=len(NAMES)), strict=True)) | {"blind": blind}
        distinctness = random.uniform(0.0, 5.0 * calibration.DISTINCTNESS_NOISE)
        evidence |= {"distinctness": distinctness, "determined": random.uniform(0.5, 1.0)}
        odds = 3.0 * evidence["margin"] - 2.0 * evidence["contradiction"] * (1.0 - blind)
        right = bool(random.logistic() < odds and random.uniform() < calibration.uniqueness(evidence))
        answer = Registration(np.eye(4), np.eye(6), 0.5, True, "ok", 0.5, "upright", evidence)
        found.append(RegisteredPair(answer, sigmas * random.normal(size=6), right, simulated=False))
    return found


@pytest.mark.parametrize("blind", [False, True])
def test_the_weights_of_a_known_law_are_found(blind: bool) -> None:
    fitted = fit_confidence(made_up(4000, 1.0, float(blind)), blind)
    assert set(fitted) == set(calibration.BLIND if blind else calibration.SIGHTED)
    assert fitted["margin"] == pytest.approx(3.0, abs=0.5)
    assert abs(fitted["log_stiffness"]) < 0.3
    if not blind:
        assert fitted["contradiction"] == pytest.approx(-2.0, abs=0.4)


def test_the_deviation_is_scaled_to_the_errors() -> None:
    pairs = made_up(4000, 3.0, 0.0)
    simulated = [replace(pair, error=100.0 * pair.error, simulated=True) for pair in pairs]
    assert fit_deviation_scale([*pairs, *simulated]) == pytest.approx(3.0, rel=0.05)


def test_pairs_of_one_place_are_right_and_of_two_are_not() -> None:
    pair = simulated_pair("street", 1002)
    apart = type(pair)(pair.target, simulated_pair("street", 2001).source, np.full((4, 4), np.nan), None, None, "apart")
    right, wrong = registered(load_registrar("upright"), [pair, apart], 0)
    assert right.right
    assert np.abs(right.error[:3]).max() < 0.05
    assert not wrong.right
