"""Calibration figures against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from isometry.evaluation.common.calibration import (
    expected_calibration_error,
    inside_two_sigma,
    reliability_curve,
    threshold_keeping,
)


def drawn_errors(scale: float = 1.0, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Errors (N,3) of a correlated covariance (N,3,3), multiplied by `scale` without telling."""
    rng = np.random.default_rng(0)
    root = np.array([[0.2, 0.0, 0.0], [0.1, 0.3, 0.0], [0.02, -0.01, 0.05]])
    errors = scale * rng.normal(size=(count, 3)) @ root.T
    return errors, np.tile(root @ root.T, (count, 1, 1))


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_covariances_of_drawn_errors(scale: float) -> None:
    errors, covariances = drawn_errors(scale)
    expected = norm.cdf(2.0 / scale) - norm.cdf(-2.0 / scale)
    np.testing.assert_allclose(inside_two_sigma(errors, covariances), expected, atol=0.01)


def test_the_axes_are_judged_apart_and_units_do_not_matter() -> None:
    errors, covariances = drawn_errors()
    units = np.array([100.0, 1.0, 57.3])
    scaled = inside_two_sigma(errors * units, covariances * np.outer(units, units))
    np.testing.assert_allclose(scaled, inside_two_sigma(errors, covariances))
    wrong = errors * np.array([1.0, 10.0, 1.0])
    inside = inside_two_sigma(wrong, covariances)
    assert inside[1] < 0.2
    assert min(inside[0], inside[2]) > 0.94


def test_one_error_by_hand() -> None:
    errors, covariances = np.array([[2.0, 3.0]]), np.array([[[4.0, 0.0], [0.0, 1.0]]])
    assert inside_two_sigma(errors, covariances).tolist() == [1.0, 0.0]


def test_confidences_that_come_true_have_no_calibration_error() -> None:
    rng = np.random.default_rng(0)
    confidences = rng.random(100_000)
    right = rng.random(100_000) < confidences
    assert expected_calibration_error(confidences, right) < 0.01
    for entry in reliability_curve(confidences, right):
        assert entry.accuracy == pytest.approx(entry.confidence, abs=0.02)
    # always 0.2 too sure of itself
    assert expected_calibration_error(
        np.minimum(confidences + 0.2, 1.0)[confidences < 0.8], right[confidences < 0.8]
    ) == pytest.approx(0.2, abs=0.01)


def test_reliability_by_hand() -> None:
    curve = reliability_curve(np.array([0.0, 0.08, 0.92, 1.0]), np.array([False, True, True, True]))
    assert [entry.count for entry in curve] == [2, 2]
    assert [entry.confidence for entry in curve] == pytest.approx([0.04, 0.96])
    assert [entry.accuracy for entry in curve] == [0.5, 1.0]
    assert reliability_curve(np.empty(0), np.empty(0, bool)) == []


def test_the_threshold_that_keeps_a_share_of_the_right_answers() -> None:
    confidences = np.array([0.9, 0.8, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    right = np.array([1, 1, 0, 1, 1, 0, 1, 0, 0, 0], dtype=bool)
    assert threshold_keeping(confidences, right, 1.0) == 0.4
    assert threshold_keeping(confidences, right, 0.8) == 0.6
    assert threshold_keeping(confidences, right, 0.81) == 0.4
    assert threshold_keeping(confidences, right, 0.0) == 0.9
    assert threshold_keeping(np.array([0.9]), np.array([False]), 0.95) is None


def test_bad_arrays_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"covariances of shape \(2, 2, 2\) for errors of shape \(2, 3\)"):
        inside_two_sigma(np.zeros((2, 3)), np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match="at least one"):
        inside_two_sigma(np.zeros((0, 3)), np.zeros((0, 3, 3)))
    with pytest.raises(ValueError, match="outside of 0 to 1"):
        reliability_curve(np.array([np.nan]), np.array([True]))
    with pytest.raises(ValueError, match="no answers"):
        expected_calibration_error(np.empty(0), np.empty(0, bool))
