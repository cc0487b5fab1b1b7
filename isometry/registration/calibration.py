"""Confidence and covariance of a transform.

`isometry train registration-calibration` fits the constants on pairs that the networks were not trained on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from isometry.arrays import Array
from isometry.geometry.covariance import independent, reordered, rotated

# Logistic regressions of "the transform is right" on the evidence of `candidates.py`: with the viewpoint of a sensor,
# from which rays can contradict a transform, and without one
SIGHTED = {
    "log_overlap": 2.06,
    "contradiction": -86.2,
    "margin": 4.37,
    "log_distinctness": 0.898,
    "log_stiffness": 1.59,
    "offset": 6.30,
}
BLIND = {"log_overlap": 2.30, "margin": 6.28, "log_distinctness": 1.80, "log_stiffness": 0.511, "offset": 5.77}

DISTINCTNESS_NOISE = 0.02  # share of the score by which the best and the second best differ by chance

# Variance of a right transform over the inverse information of the alignment, and the least standard deviations
VARIANCE_SCALE = 20.0
FLOOR_RESOLUTIONS, FLOOR_RADIANS = 0.06, math.radians(0.08)


def confidence(evidence: Mapping[str, float]) -> float:
    """Probability, 0 to 1, that a transform is right, by the evidence for it.

    Where two transforms fit equally well, it is at most one half, whatever the other evidence.
    """
    weights = BLIND if evidence["blind"] else SIGHTED
    score = weights["offset"] + sum(weight * evidence[name] for name, weight in weights.items() if name != "offset")
    return _logistic(score) * _logistic(evidence["distinctness"] / DISTINCTNESS_NOISE)


def confidence_without_rival(evidence: Mapping[str, float]) -> float:
    """The confidence if no other transform agreed with the clouds at all."""
    alone = {"margin": evidence["score"], "distinctness": 1.0, "log_distinctness": 0.0}
    return confidence({**evidence, **alone})


def _logistic(score: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(max(score, -50.0), 50.0)))


def covariance(information: Array, T_target_source: Array, resolution: float) -> Array:
    """Covariance (6,6) of the source's frame in the target's: x, y, z, roll, pitch, yaw; metres and radians.

    `information` (6,6) is that of `refinement.refine`: rotation first, in the source's frame.
    """
    regular = information + np.eye(6) * 1e-6 * float(np.trace(information)) / 6.0 + np.eye(6) * 1e-9
    local = np.asarray(VARIANCE_SCALE * np.linalg.inv(regular), np.float64)
    in_target = rotated(reordered(local), T_target_source[:3, :3])
    return in_target + independent(FLOOR_RESOLUTIONS * resolution, FLOOR_RADIANS)
