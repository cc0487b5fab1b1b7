"""Fits the constants of `place_recognition/calibration.py` to outcomes on the training drive."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize

from isometry.evaluation.place_recognition import Outcome
from isometry.place_recognition import calibration

Array = NDArray[np.float64]
INSIDE_TWO_SIGMA = 0.9545


def fit_confidence(outcomes: Sequence[Outcome], regularisation: float = 1e-3) -> dict[str, float]:
    """Weights of a logistic regression of right poses on agreement and log of supporting matches."""
    design = np.array([[o.match.agreement, np.log(max(o.match.supporting, 1)), 1.0] for o in outcomes])
    right = np.array([o.pose_right for o in outcomes])
    sign = np.where(right, 1.0, -1.0)

    def loss(weights: Array) -> float:
        penalty = regularisation * float(np.square(weights[:2]).sum())
        return float(np.logaddexp(0.0, -sign * (design @ weights)).sum()) + penalty

    weights = minimize(loss, np.array([30.0, 1.0, -25.0]), method="BFGS").x
    return dict(zip(("AGREEMENT_WEIGHT", "SUPPORT_WEIGHT", "OFFSET"), weights.tolist(), strict=True))


def fit_variance_scale(outcomes: Sequence[Outcome]) -> float:
    """The scale at which the errors of right poses lie within two sigma as often as a normal error would."""
    right = [(o.pose_error, o.match.covariance) for o in outcomes if o.pose_right and o.match.covariance is not None]
    errors = np.array([error for error, _ in right])
    in_plane = np.array([covariance[np.ix_(calibration.IN_PLANE, calibration.IN_PLANE)] for _, covariance in right])
    unscaled = (in_plane - calibration.floor()) / calibration.VARIANCE_SCALE

    def excess(log_scale: float) -> float:
        covariance = np.exp(log_scale) * unscaled + calibration.floor()
        sigma = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        return float((np.abs(errors) <= 2.0 * sigma).mean()) - INSIDE_TWO_SIGMA

    return float(np.exp(brentq(excess, np.log(1e-4), np.log(1e6))))
