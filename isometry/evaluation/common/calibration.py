"""Is what a method says about its own errors true? Covariances against errors, confidences against outcomes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array, Flags


@dataclass(frozen=True)
class ReliabilityBin:
    """Answers of similar confidence."""

    count: int
    confidence: float  # mean of what was claimed
    accuracy: float  # share that was right


def inside_two_sigma(errors: Array, covariances: Array) -> Array:
    """Share (D,) of the errors (N,D) that lie within two standard deviations, per axis: 0.954 when calibrated.

    `covariances` (N,D,D). Raises ValueError when there are no errors or the shapes do not fit.
    """
    sigmas = np.sqrt(np.diagonal(_checked(errors, covariances), axis1=1, axis2=2))
    shares: Array = np.mean(np.abs(errors) <= 2.0 * sigmas, axis=0)
    return shares


def normalised_estimation_error(errors: Array, covariances: Array) -> float:
    """Mean of e' inv(C) e / D over errors (N,D) and covariances (N,D,D): 1 when calibrated, above when overconfident.

    Raises ValueError when there are no errors, the shapes do not fit, or a covariance is singular.
    """
    try:
        weighted = np.linalg.solve(_checked(errors, covariances), errors[..., None])[..., 0]
    except np.linalg.LinAlgError as error:
        raise ValueError("a covariance is singular") from error
    return float(np.mean(np.sum(errors * weighted, axis=1)) / errors.shape[1])


def reliability_curve(confidences: Array, right: Flags, bins: int = 10) -> list[ReliabilityBin]:
    """Answers (N,) in `bins` equal ranges of confidence from 0 to 1, empty ones left out.

    Raises ValueError on confidences outside of 0 to 1.
    """
    _check_confidences(confidences, right)
    number = np.minimum((confidences * bins).astype(np.int64), bins - 1)
    chosen = [number == k for k in range(bins)]
    return [
        ReliabilityBin(int(mask.sum()), float(confidences[mask].mean()), float(right[mask].mean()))
        for mask in chosen
        if mask.any()
    ]


def expected_calibration_error(confidences: Array, right: Flags, bins: int = 10) -> float:
    """Mean distance between claimed and real accuracy over the answers (N,), by ranges of confidence.

    Source: Naeini et al. 2015. Raises ValueError without answers or on confidences outside of 0 to 1.
    """
    curve = reliability_curve(confidences, right, bins)
    if not curve:
        raise ValueError("no answers to judge")
    return sum(entry.count * abs(entry.accuracy - entry.confidence) for entry in curve) / len(right)


def threshold_for(confidences: Array, right: Flags, false_accept_rate: float) -> float:
    """The least confidence to accept, so that wrong accepted answers are at most this share of all answers (N,).

    Infinity when even the most confident answers are wrong too often. Raises ValueError without answers.
    """
    _check_confidences(confidences, right)
    if not len(right):
        raise ValueError("no answers to judge")
    order = np.argsort(-confidences, kind="stable")
    wrong_share = np.cumsum(~right[order]) / len(right)
    claimed = confidences[order]
    last_of_equals = np.append(claimed[:-1] > claimed[1:], True)  # equal confidences are accepted together
    allowed = np.flatnonzero((wrong_share <= false_accept_rate) & last_of_equals)
    return float(claimed[allowed[-1]]) if len(allowed) else float("inf")


def threshold_keeping(confidences: Array, right: Flags, share: float) -> float | None:
    """The largest confidence at which this share of the right answers (N,) is still accepted; None without any.

    Raises ValueError on confidences outside of 0 to 1.
    """
    _check_confidences(confidences, right)
    claimed = -np.sort(-confidences[right])
    return float(claimed[max(int(np.ceil(share * len(claimed))), 1) - 1]) if len(claimed) else None


def _checked(errors: Array, covariances: Array) -> Array:
    if errors.ndim != 2 or not len(errors):
        raise ValueError(f"errors of shape {errors.shape}, expected (N,D) with at least one")
    if covariances.shape != (*errors.shape, errors.shape[1]):
        raise ValueError(f"covariances of shape {covariances.shape} for errors of shape {errors.shape}")
    return covariances


def _check_confidences(confidences: Array, right: Flags) -> None:
    if confidences.shape != right.shape or confidences.ndim != 1:
        raise ValueError(f"confidences of shape {confidences.shape} for answers of shape {right.shape}")
    if not np.all((confidences >= 0.0) & (confidences <= 1.0)):
        raise ValueError("a confidence is outside of 0 to 1")
