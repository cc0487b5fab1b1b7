"""Planar poses: x, y in metres and yaw in radians."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array


def rotations(yaw: Array | float) -> Array:
    """Rotation matrices (...,2,2) of angles (...) in radians, counter-clockwise."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)


def wrapped(angle: Array) -> Array:
    """Angles in radians brought into [-pi, pi)."""
    return np.asarray((np.asarray(angle) + np.pi) % (2.0 * np.pi) - np.pi)


def fit(source: Array, target: Array, yaw: float = 0.0) -> Array:
    """Least-squares pose (3,) that maps source (M,2) to target (M,2); a single point keeps the given `yaw`.

    Source: Umeyama, Least-Squares Estimation of Transformation Parameters (1991), in the plane.
    """
    centre_source, centre_target = source.mean(axis=0), target.mean(axis=0)
    a, b = source - centre_source, target - centre_target
    if len(a) > 1:
        yaw = float(np.arctan2((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum(), (a * b).sum()))
    x, y = centre_target - rotations(np.asarray(yaw)) @ centre_source
    return np.array([x, y, yaw])
