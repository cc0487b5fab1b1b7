"""Fits the constants of `place_recognition/calibration.py` to outcomes on the training drive."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isometry.evaluation.place_recognition.measure import QueryResult
from isometry.place_recognition import calibration
from isometry.training.common.fitting import logistic_weights, two_sigma_scale


def fit_confidence(outcomes: Sequence[QueryResult], regularisation: float = 1e-3) -> dict[str, float]:
    """Weights of a logistic regression of right poses on agreement and log of supporting matches."""
    design = np.array([[o.match.agreement, np.log(max(o.match.supporting, 1)), 1.0] for o in outcomes])
    right = np.array([o.pose_right for o in outcomes])
    weights = logistic_weights(design, right, np.array([30.0, 1.0, -25.0]), regularisation)
    return dict(zip(("AGREEMENT_WEIGHT", "SUPPORT_WEIGHT", "OFFSET"), weights.tolist(), strict=True))


def fit_variance_scale(outcomes: Sequence[QueryResult]) -> float:
    """The scale at which the errors of right poses lie within two sigma as often as a normal error would."""
    right = [(o.pose_error, o.match.covariance) for o in outcomes if o.pose_right and o.match.covariance is not None]
    errors = np.array([error for error, _ in right])
    in_plane = np.array([covariance[np.ix_(calibration.IN_PLANE, calibration.IN_PLANE)] for _, covariance in right])
    unscaled = (in_plane - calibration.floor()) / calibration.VARIANCE_SCALE
    variances = np.diagonal(unscaled, axis1=1, axis2=2)
    return two_sigma_scale(errors, variances, np.diagonal(calibration.floor()))
