"""Confidence and covariance of a registration, against closed forms."""

import numpy as np
import pytest
from scipy.stats import norm

from isometry.geometry import se3
from isometry.registration import calibration

SPOKEN_FOR = {
    "log_overlap": -1.0,
    "contradiction": 0.01,
    "blind": 0.0,
    "margin": 0.2,
    "distinctness": 0.8,
    "log_distinctness": -0.2,
    "log_stiffness": 2.0,
    "determined": 1.0,
}


@pytest.mark.parametrize(
    ("blind", "name"),
    [
        (blind, name)
        for blind, weights in ((0.0, calibration.SIGHTED), (1.0, calibration.BLIND))
        for name in weights
        if name not in ("contradiction", "offset")
    ],
)
def test_more_evidence_makes_surer(blind: float, name: str) -> None:
    evidence = SPOKEN_FOR | {"blind": blind}
    less = calibration.confidence(evidence | {name: evidence[name] - 0.5})
    assert 0.0 < less < calibration.confidence(evidence) < 1.0


def test_a_lead_of_a_sixteenth_over_another_place_is_not_enough() -> None:
    """So much leads one storey of a car park over an equal one, by the floors beside it."""
    sure = SPOKEN_FOR | {"contradiction": 0.0, "margin": 0.5}
    assert calibration.confidence(sure | {"distinctness": 0.06}) < 0.85
    assert calibration.confidence(sure | {"distinctness": 0.2}) > 0.95


def test_what_was_seen_through_makes_less_sure() -> None:
    assert calibration.confidence(SPOKEN_FOR | {"contradiction": 0.1}) < calibration.confidence(SPOKEN_FOR)


def test_of_two_that_fit_equally_well_neither_is_believed() -> None:
    assert calibration.confidence(SPOKEN_FOR | {"distinctness": 0.0, "margin": 1e3}) == pytest.approx(0.5)


def test_absurd_evidence_stays_a_probability() -> None:
    assert calibration.confidence(SPOKEN_FOR | {"contradiction": 1e9}) >= 0.0
    assert calibration.confidence(SPOKEN_FOR | {"margin": 1e9}) <= 1.0


def test_what_the_surfaces_do_not_determine_is_not_believed() -> None:
    held, slides = np.diag([0.01**2] * 6), np.diag([100.0**2] + [0.01**2] * 5)
    assert calibration.determined(held, 0.4) == pytest.approx(1.0)
    by_chance = 2.0 * norm.cdf(2.0 / (calibration.HELD_SHARE * 100.0)) - 1.0
    assert calibration.determined(slides, 0.4) == pytest.approx(by_chance, rel=1e-6)
    assert calibration.confidence(SPOKEN_FOR | {"determined": 0.02}) < 0.02


def test_the_covariance_lies_along_the_axes_of_the_target() -> None:
    """The source slides along its own x, which is the target's y when it is turned by 90 degrees."""
    information = np.diag([1e2, 1e5, 1e5, 1e5, 1e5, 1e5])
    turned = se3.from_planar(4.0, 5.0, np.pi / 2.0)
    straight = calibration.covariance(information, np.eye(4), 0.1)
    sideways = calibration.covariance(information, turned, 0.1)
    assert straight[0, 0] > 10.0 * straight[1, 1]
    assert sideways[1, 1] == pytest.approx(straight[0, 0])
    assert sideways[0, 0] == pytest.approx(straight[1, 1])


def test_a_direction_that_nothing_holds_is_as_unsure_as_an_unknown_transform() -> None:
    information = np.diag([0.0, 1e4, 1e4, 1e4, 1e4, 1e4])
    found = calibration.covariance(information, np.eye(4), 0.4)
    assert found[0, 0] == pytest.approx(calibration.UNKNOWN_METRES**2, rel=1e-3)
    assert found[1, 1] < 1e-6 * found[0, 0]
