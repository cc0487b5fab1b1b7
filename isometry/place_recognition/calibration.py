"""Confidence and covariance of a match.

`isometry train calibration` fits the constants on the drive that trained the network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.special import expit

from isometry.arrays import Array

# Logistic regression of "the pose is right" (< 2 m, < 5 deg) on the evidence of `evidence.py`
WEIGHTS = {
    "agreement": 28.9,
    "log_support": 1.92,
    "lead": 19.0,
    "support_lead": 0.30,
    "repetition": -4.27,
    "offset": -33.05,
}
LEAD_NOISE = 0.02  # nine of ten leads between equal places are smaller, in simulated twin halls of seed 1

# Variance of a pose over the inverse information of the image alignment, and the least standard deviations
VARIANCE_SCALE = 83.4
FLOOR_METRES, FLOOR_RADIANS = 0.05, math.radians(0.1)
# Standard deviation of where the sensor is in its image: half a cell. It matters where the robot comes back turned
SENSOR_METRES = 0.2
# Standard deviations of what a bird's-eye image does not show, measured after registration of scans
HEIGHT_METRES, TILT_RADIANS = 0.05, math.radians(0.5)

# Where nothing speaks for another place: the largest leads that count, and the repetition of an ordinary scan
LARGEST_LEAD, LARGEST_SUPPORT_LEAD, USUAL_REPETITION = 0.3, 2.0, 0.4

IN_PLANE = [0, 1, 5]  # x, y and yaw among x, y, z, roll, pitch, yaw


def confidence(evidence: Mapping[str, float]) -> float:
    """Probability, 0 to 1, that a pose is right, by the evidence for it.

    A regression alone would let a high agreement outweigh a rival that agrees as well. So it is multiplied by the
    probability that this place is the right one of the two, which is one half where they are equal.
    """
    score = WEIGHTS["offset"] + sum(weight * evidence[name] for name, weight in WEIGHTS.items() if name != "offset")
    return float(expit(score) * expit(evidence["lead"] / LEAD_NOISE + evidence["support_lead"]))


def confidence_without_rival(evidence: Mapping[str, float]) -> float:
    """The confidence if no other place agreed with the scan, and the scan did not repeat itself."""
    alone = {"lead": LARGEST_LEAD, "support_lead": LARGEST_SUPPORT_LEAD, "repetition": USUAL_REPETITION}
    return confidence({**evidence, **alone})


def covariance(information: Array, yaw: float) -> Array:
    """Covariance (6,6) of a right pose in the keyframe's level frame: x, y, z, roll, pitch, yaw; metres and radians.

    `information` (3,3) is that of `image_alignment.align`, `yaw` in radians that of the query in the keyframe.
    """
    full = np.diag([0.0, 0.0, HEIGHT_METRES**2, TILT_RADIANS**2, TILT_RADIANS**2, 0.0])
    full[np.ix_(IN_PLANE, IN_PLANE)] = VARIANCE_SCALE * np.linalg.inv(information) + floor(yaw)
    return full


def floor(yaw: float) -> Array:
    """Least covariance (3,3) of x, y and yaw, where the query is turned by `yaw` radians against the keyframe.

    An offset o of the sensor in its image moves the pose by (I - R) o.
    """
    position = FLOOR_METRES**2 + 2.0 * (1.0 - math.cos(yaw)) * SENSOR_METRES**2
    return np.diag([position, position, FLOOR_RADIANS**2])
