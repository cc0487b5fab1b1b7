"""Confidence and covariance of an object's pose.

`isometry train object-pose-calibration` fits the constants to simulated scenes of generated objects.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.special import expit

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.geometry.covariance import independent
from isometry.object_pose.comparison import depth_tolerance
from isometry.object_pose.model import ObjectModel

RIGHT_METRES, RIGHT_RADIANS = 0.02, math.radians(10.0)  # errors up to which a pose is right

# Logistic regression of "the pose is right, or one that colours do not tell from it" on the evidence
WEIGHTS = {"silhouette": 17.7, "margin": 26.1, "offset": -15.1}
SIGNS = {"silhouette": 1, "margin": 1}
"""Of the weights: more evidence never makes less sure."""

MOST = 0.98  # by judgement: real cameras, prints and masks have more ways to differ than simulated ones

# Standard deviations in metres and radians of a pose of which nothing is known, the factor on the variances that
# follow from the readings, and the least standard deviations; along the ray, the depth of a camera is off as a whole
UNKNOWN_M, UNKNOWN_RADIANS = 1.0, math.pi
VARIANCE_SCALE = 2.2
FLOOR_M, FLOOR_RADIANS = 0.0005, math.radians(0.3)


def confidence(evidence: Mapping[str, float]) -> float:
    """Probability, 0 to 1, that a pose is right, by the evidence for it: at most the share that it has of the modes."""
    score = WEIGHTS["offset"] + sum(WEIGHTS[name] * evidence[name] for name in SIGNS)
    return min(float(expit(score)), MOST) * evidence["alike"]


def covariance(information: Array, T_camera_object: Array, mode_axis: Array | None, model: ObjectModel) -> Array:
    """Covariance (6,6) of a pose (4,4): x, y, z, roll, pitch, yaw along the camera's axes; metres and radians.

    `information` (6,6) is that of `Comparison.information`. About a free axis (3,) of the mode the turn is unknown.
    """
    result = _inverted(information / VARIANCE_SCALE) + floor(T_camera_object, model)
    return result if mode_axis is None else result + free_turn(T_camera_object, mode_axis, model.symmetry.shape.centre)


def floor(T_camera_object: Array, model: ObjectModel) -> Array:
    """The covariance (6,6) that a pose (4,4) has at least."""
    middle = se3.apply(T_camera_object, model.mesh.centre)
    ray = np.append(middle / np.linalg.norm(middle), np.zeros(3))
    bias = float(depth_tolerance(middle[2])) / 3.0
    return np.asarray(independent(FLOOR_M, FLOOR_RADIANS) + bias**2 * np.outer(ray, ray))


def free_turn(T_camera_object: Array, axis: Array, centre: Array) -> Array:
    """The covariance (6,6) of an unknown turn about an axis (3,) through a point (3,), both in the object's frame.

    The origin of the object's frame turns with it, where it is beside the axis.
    """
    direction = T_camera_object[:3, :3] @ axis
    arm = T_camera_object[:3, 3] - se3.apply(T_camera_object, centre)
    motion = np.concatenate([np.cross(direction, arm), direction])
    return np.asarray(UNKNOWN_RADIANS**2 / 3.0 * np.outer(motion, motion))


def _inverted(information: Array) -> Array:
    unknown = np.linalg.inv(independent(UNKNOWN_M, UNKNOWN_RADIANS))
    return np.asarray(np.linalg.inv(information + unknown))
