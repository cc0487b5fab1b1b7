"""Confidence and covariance of a transform.

`isometry train registration-calibration` fits the regressions on pairs that the networks were not trained on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.special import expit

from isometry.arrays import Array
from isometry.geometry import degeneracy
from isometry.geometry.covariance import independent, rotated

# Logistic regressions of "the transform is right" on the evidence of `candidates.py`: with the viewpoint of a sensor,
# from which rays can contradict a transform, and without one
SIGHTED = {"contradiction": -72.2, "margin": 6.59, "log_distinctness": 0.700, "log_stiffness": 1.17, "offset": 1.67}
BLIND = {"log_overlap": 0.386, "margin": 15.3, "log_distinctness": 0.0979, "log_stiffness": 0.152, "offset": -0.557}

RIGHT_RESOLUTIONS, RIGHT_RADIANS = 5.0, math.radians(5.0)  # errors up to which a transform is right
# Share of the score by which one of two equal places leads, by what is beside it: chosen on equal storeys, not fitted
DISTINCTNESS_NOISE = 0.04

# Standard deviation in metres of the distance of a point from its surface, where all points are taken for independent,
# and the least standard deviations. Points err alike: the sensor moves during a scan, and beams make patterns
SURFACE_METRES = 0.3
FLOOR_RESOLUTIONS, FLOOR_RADIANS = 0.06, math.radians(0.08)
UNKNOWN_METRES, UNKNOWN_RADIANS = 100.0, math.pi  # standard deviations of a transform of which nothing is known
HELD_SHARE = 0.4  # of a deviation that tells whether a direction is held: where little overlaps, they are too wide


def confidence(evidence: Mapping[str, float]) -> float:
    """Probability, 0 to 1, that a transform is right, by the evidence for it.

    Where two transforms fit equally well, it is at most one half, whatever the other evidence. Where the surfaces do
    not determine the transform, it is near 0.
    """
    weights = BLIND if evidence["blind"] else SIGHTED
    score = weights["offset"] + sum(weight * evidence[name] for name, weight in weights.items() if name != "offset")
    return float(expit(score)) * uniqueness(evidence)


def uniqueness(evidence: Mapping[str, float]) -> float:
    """The part of the confidence that is given: half where two transforms fit alike, 0 where surfaces leave it free."""
    return float(expit(evidence["distinctness"] / DISTINCTNESS_NOISE)) * evidence["determined"]


def confidence_without_rival(evidence: Mapping[str, float]) -> float:
    """The confidence if no other transform agreed with the clouds, and the surfaces determined this one."""
    alone = {"margin": evidence["score"], "distinctness": 1.0, "log_distinctness": 0.0, "determined": 1.0}
    return confidence({**evidence, **alone})


def determined(covariance_: Array, resolution: float) -> float:
    """Probability, 0 to 1, that a transform with a covariance (6,6) is as near to the true one as a right one."""
    blocks = (covariance_[:3, :3], covariance_[3:, 3:])
    deviations = (HELD_SHARE * np.sqrt(np.linalg.eigvalsh(block)[-1]) for block in blocks)
    largest = (RIGHT_RESOLUTIONS * resolution, RIGHT_RADIANS)
    return math.prod(math.erf(most / (math.sqrt(2.0) * sigma)) for most, sigma in zip(largest, deviations, strict=True))


def covariance(information: Array, T_target_source: Array, resolution: float) -> Array:
    """Covariance (6,6) of the source's frame in the target's: x, y, z, roll, pitch, yaw; metres and radians.

    `information` (6,6) is that of `constraint.held`: in the source's frame, zero in directions that nothing holds.
    There the standard deviation is that of an unknown transform.
    """
    local = degeneracy.covariance(information / SURFACE_METRES**2, independent(UNKNOWN_METRES, UNKNOWN_RADIANS))
    return rotated(local, T_target_source[:3, :3]) + independent(FLOOR_RESOLUTIONS * resolution, FLOOR_RADIANS)
