"""How well covariances and confidences are calibrated: against errors, and against the share of right answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array, Flags

BINS = 10  # of confidence, equal ranges from 0 to 1


@dataclass(frozen=True)
class ReliabilityBin:
    """Answers of similar confidence."""

    count: int
    confidence: float  # mean
    accuracy: float  # share of right answers


def inside_two_sigma(errors: Array, covariances: Array) -> Array:
    """Share (D,) of the errors (N,D) that lie within two standard deviations, per axis: 0.954 when calibrated.

    `covariances` (N,D,D). Raises ValueError when there are no errors or the shapes do not fit.
    """
    sigmas = np.sqrt(np.diagonal(_checked(errors, covariances), axis1=1, axis2=2))
    shares: Array = np.mean(np.abs(errors) <= 2.0 * sigmas, axis=0)
    return shares


def reliability_curve(confidences: Array, right: Flags) -> list[ReliabilityBin]:
    """Answers (N,) in ten equal ranges of confidence from 0 to 1; empty ranges are left out.

    Raises ValueError on confidences outside of 0 to 1.
    """
    _check_confidences(confidences, right)
    number = np.minimum((confidences * BINS).astype(np.int64), BINS - 1)
    chosen = [number == k for k in range(BINS)]
    return [
        ReliabilityBin(int(mask.sum()), float(confidences[mask].mean()), float(right[mask].mean()))
        for mask in chosen
        if mask.any()
    ]


def expected_calibration_error(confidences: Array, right: Flags) -> float:
    """Mean difference between confidence and accuracy over the answers (N,), by ranges of confidence.

    Source: Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (AAAI 2015).
    Raises ValueError without answers or on confidences outside of 0 to 1.
    """
    curve = reliability_curve(confidences, right)
    if not curve:
        raise ValueError("no answers to judge")
    return sum(entry.count * abs(entry.accuracy - entry.confidence) for entry in curve) / len(right)


def threshold_keeping(confidences: Array, right: Flags, share: float) -> float | None:
    """The largest confidence at which this share of the right answers (N,) is still accepted; None without any.

    Raises ValueError on confidences outside of 0 to 1.
    """
    _check_confidences(confidences, right)
    of_right = -np.sort(-confidences[right])
    return float(of_right[max(int(np.ceil(share * len(of_right))), 1) - 1]) if len(of_right) else None


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
