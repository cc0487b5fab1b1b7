"""Fits that all calibrations share: logistic regression for probabilities, a scale for variances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize

from isometry.arrays import Array

INSIDE_TWO_SIGMA = 0.9545


def logistic_weights(
    design: Array,
    right: NDArray[np.bool_],
    start: Array,
    penalty: float,
    factor: Array | float = 1.0,
    signs: Sequence[int] | None = None,
) -> Array:
    """Weights (K,) of the logistic regression of `right` (N,) on `design` (N,K), whose last column is the constant.

    `penalty` times the sum of the squared weights, the constant's left out, is added to the loss. The probability is
    the logistic function times a known `factor` (N,) from 0 to 1. `signs` (K-1,) are those that weights may have, 1 or
    -1; without them they have any.
    """

    def loss(weights: Array) -> float:
        size = penalty * float(np.square(weights[:-1]).sum())
        scores = design @ weights
        log_probability = -np.logaddexp(0.0, -scores)  # but for the factor, which the weights do not change
        below_one = np.minimum(factor, 1.0 - 1e-12)
        log_of_wrong = np.where(
            factor < 1.0, np.log1p(-below_one * np.exp(log_probability)), -np.logaddexp(0.0, scores)
        )
        return size - float(np.where(right, log_probability, log_of_wrong).sum())

    if signs is None:
        return np.asarray(minimize(loss, start, method="BFGS").x)
    bounds = [(0.0, None) if sign > 0 else (None, 0.0) for sign in signs]
    return np.asarray(minimize(loss, start, method="L-BFGS-B", bounds=[*bounds, (None, None)]).x)


def weights_of_evidence(
    names: Sequence[str],
    evidence: Array,
    right: NDArray[np.bool_],
    penalty: float,
    factor: Array | float = 1.0,
    signs: Sequence[int] | None = None,
) -> dict[str, float]:
    """Weights by name, and the "offset", of the logistic regression of `right` (N,) on named evidence (N,K).

    The weights of the standardised evidence are penalised, by `penalty` for each answer; those of the evidence itself
    are returned. `factor` and `signs`: as for `logistic_weights`.
    """
    mean, deviation = evidence.mean(axis=0), evidence.std(axis=0) + 1e-9
    design = np.column_stack([(evidence - mean) / deviation, np.ones(len(evidence))])
    fitted = logistic_weights(design, right, np.zeros(len(names) + 1), penalty * len(right), factor, signs)
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
