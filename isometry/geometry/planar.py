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


def fit(source: Array, target: Array, weights: Array, yaws: Array) -> Array:
    """Least-squares poses (H,3) that map source (M,2) to target (M,2), each with weights of its own (H,M).

    One with a single point keeps its yaw (H,) of `yaws`. Source: Umeyama, Least-Squares Estimation of Transformation
    Parameters (1991), in the plane.
    """
    shares = weights / weights.sum(axis=1, keepdims=True)
    centre_source, centre_target = shares @ source, shares @ target
    cross = source[:, 0] * target[:, 1] - source[:, 1] * target[:, 0]
    dot = (source * target).sum(axis=1)
    sine = shares @ cross - (centre_source[:, 0] * centre_target[:, 1] - centre_source[:, 1] * centre_target[:, 0])
    cosine = shares @ dot - (centre_source * centre_target).sum(axis=1)
    yaw = np.where((weights > 0.0).sum(axis=1) > 1, np.arctan2(sine, cosine), yaws)
    shift = centre_target - np.einsum("hij,hj->hi", rotations(yaw), centre_source)
    return np.column_stack([shift, yaw])
