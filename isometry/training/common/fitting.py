"""Fits that all calibrations share: logistic regression for probabilities, a scale for variances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize

from isometry.arrays import Array

INSIDE_TWO_SIGMA = 0.9545


def logistic_weights(design: Array, right: NDArray[np.bool_], start: Array, penalty: float) -> Array:
    """Weights (K,) of the logistic regression of `right` (N,) on `design` (N,K), whose last column is the constant.

    `penalty` times the sum of the squared weights, the constant's left out, is added to the loss.
    """
    sign = np.where(right, 1.0, -1.0)

    def loss(weights: Array) -> float:
        size = penalty * float(np.square(weights[:-1]).sum())
        return float(np.logaddexp(0.0, -sign * (design @ weights)).sum()) + size

    fitted: Array = minimize(loss, start, method="BFGS").x
    return fitted


def weights_of_evidence(
    names: Sequence[str], evidence: Array, right: NDArray[np.bool_], penalty: float
) -> dict[str, float]:
    """Weights by name, and the "offset", of the logistic regression of `right` (N,) on named evidence (N,K).

    The weights of the standardised evidence are penalised, by `penalty` for each answer; those of the evidence itself
    are returned.
    """
    mean, deviation = evidence.mean(axis=0), evidence.std(axis=0) + 1e-9
    design = np.column_stack([(evidence - mean) / deviation, np.ones(len(evidence))])
    fitted = logistic_weights(design, right, np.zeros(len(names) + 1), penalty * len(right))
    weights = fitted[:-1] / deviation
    return dict(zip(names, weights.tolist(), strict=True)) | {"offset": float(fitted[-1] - weights @ mean)}


def two_sigma_scale(errors: Array, variances: Array, floor: Array | float = 0.0) -> float:
    """The scale at which errors (N,K) lie within two sigma as often as normal ones.

    Sigma squared is the scale times `variances` (N,K), plus a `floor` (K,) or (N,K).
    """

    def excess(log_scale: float) -> float:
        sigma = np.sqrt(np.exp(log_scale) * variances + floor)
        return float((np.abs(errors) <= 2.0 * sigma).mean()) - INSIDE_TWO_SIGMA

    return float(np.exp(brentq(excess, np.log(1e-4), np.log(1e6))))
