"""How sure a match is: constants fitted on the drive that the network was trained on, and checked on others."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from isometry.place_recognition.verification import PlanarMatch

# Logistic regression of "the pose is right" (< 2 m, < 5 deg) on the agreement and the logarithm of supporting matches
AGREEMENT_WEIGHT = 30.0
SUPPORT_WEIGHT = 1.0
OFFSET = -25.5

# Variance of a pose, in units of the inverse information of the image alignment, and what no alignment gets below
VARIANCE_SCALE = 4.0
FLOOR_METRES, FLOOR_RADIANS = 0.05, math.radians(0.1)
# What a bird's-eye image does not see, as measured after the registration of full scans
HEIGHT_METRES, TILT_RADIANS = 0.15, math.radians(1.0)


def confidence(match: PlanarMatch) -> float:
    """Probability, 0 to 1, that the pose of a match is right."""
    score = AGREEMENT_WEIGHT * match.agreement + SUPPORT_WEIGHT * math.log(max(match.supporting, 1)) + OFFSET
    return 1.0 / (1.0 + math.exp(-min(max(score, -50.0), 50.0)))


def covariance(match: PlanarMatch) -> NDArray[np.float64]:
    """Covariance (6,6) of a right pose in the keyframe's level frame: x, y, z, roll, pitch, yaw; metres and radians."""
    in_plane = VARIANCE_SCALE * np.linalg.inv(match.information)
    in_plane += np.diag([FLOOR_METRES**2, FLOOR_METRES**2, FLOOR_RADIANS**2])
    full = np.diag([0.0, 0.0, HEIGHT_METRES**2, TILT_RADIANS**2, TILT_RADIANS**2, 0.0])
    full[np.ix_([0, 1, 5], [0, 1, 5])] = in_plane
    return full
