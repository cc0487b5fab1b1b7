"""Fits the constants of `place_recognition/calibration.py` to results on the training drive."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isometry.evaluation.place_recognition.measure import QueryResult
from isometry.place_recognition import calibration
from isometry.training.common.fitting import two_sigma_scale, weights_of_evidence

REGULARISATION = 1e-3


def fit_confidence(results: Sequence[QueryResult]) -> dict[str, float]:
    """Weights of a logistic regression of right poses on the evidence for them.

    The weights of the standardised evidence are penalised; those of the evidence itself are returned.
    """
    names = [name for name in calibration.WEIGHTS if name != "offset"]
    evidence = np.array([[r.match.evidence[name] for name in names] for r in results])
    right = np.array([r.pose_right for r in results])
    return weights_of_evidence(names, evidence, right, REGULARISATION)


def fit_variance_scale(results: Sequence[QueryResult]) -> float:
    """The scale at which the errors of right poses lie within two sigma as often as a normal error would."""
    right = [(r.pose_error, r.match.covariance) for r in results if r.pose_right and r.match.covariance is not None]
    errors = np.array([error for error, _ in right])
    in_plane = np.array([covariance[np.ix_(calibration.IN_PLANE, calibration.IN_PLANE)] for _, covariance in right])
    unscaled = (in_plane - calibration.floor()) / calibration.VARIANCE_SCALE
    variances = np.diagonal(unscaled, axis1=1, axis2=2)
    return two_sigma_scale(errors, variances, np.diagonal(calibration.floor()))
