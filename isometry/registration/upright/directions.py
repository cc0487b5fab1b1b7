"""Dominant directions of the surfaces of a cloud, of which one is probably vertical."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from isometry.arrays import Array

GRID = 400  # directions tried on the half sphere, about 7 degrees apart
SAMPLE = 4000  # normals that are used
NEAR_COSINE, FAR_COSINE = float(np.cos(np.radians(8.0))), float(np.cos(np.radians(20.0)))
ACROSS_SINE = float(np.sin(np.radians(8.0)))
CLUSTERS = 3
ONE_SIDED = 0.6  # mean sign of the normals along an axis, from which the axis has a sign


class Direction(NamedTuple):
    """An axis of a cloud."""

    axis: Array  # (3,) unit
    signed: bool  # whether it is distinguished from its opposite


def dominant_directions(normals: Array, oriented: bool) -> list[Direction]:
    """Axes of unit normals (N,3): those of the largest surfaces, then the one that most surfaces are parallel to.

    The first is the vertical where there is ground or floor. The last is the vertical of a cloud without ground, of
    which most surfaces are walls, poles and trunks. `oriented` normals point to the sensor and give an axis a sign.
    """
    sample = normals[:: max(1, len(normals) // SAMPLE)]
    grid = half_sphere(GRID)
    along = np.abs(sample @ grid.T)
    found = []
    free = np.ones(len(sample), bool)
    for _ in range(CLUSTERS):
        axis = grid[(along[free] > NEAR_COSINE).sum(axis=0).argmax()]
        axis, signed = _mean_axis(sample[free], axis)
        found.append(Direction(axis, signed and oriented))
        free &= np.abs(sample @ axis) < FAR_COSINE
        if free.sum() < 0.02 * len(sample):
            break
    found.append(_most_across(sample, grid[(along < ACROSS_SINE).sum(axis=0).argmax()]))
    return found


def half_sphere(count: int) -> Array:
    """Evenly distributed unit vectors (count,3) with z > 0: a Fibonacci lattice."""
    k = np.arange(count) + 0.5
    z = 1.0 - k / count
    azimuth = np.pi * (1.0 + np.sqrt(5.0)) * k
    return np.column_stack([np.sqrt(1.0 - z * z) * np.cos(azimuth), np.sqrt(1.0 - z * z) * np.sin(azimuth), z])


def _mean_axis(normals: Array, axis: Array) -> tuple[Array, bool]:
    """The mean axis (3,) of the normals around `axis`, with the sign of most of them, and whether that is clear."""
    lean = 0.0
    for _ in range(4):
        cosine = normals @ axis
        near = np.abs(cosine) > NEAR_COSINE
        sign = np.sign(cosine[near])
        lean = float(sign.mean()) if near.any() else 0.0
        mean = (normals[near] * sign[:, None]).sum(axis=0)
        axis = mean / max(float(np.linalg.norm(mean)), 1e-12)
    return (axis if lean >= 0.0 else -axis), abs(lean) > ONE_SIDED


def _most_across(normals: Array, axis: Array) -> Direction:
    """The direction to which most normals are perpendicular, refined from `axis`."""
    for _ in range(5):
        chosen = normals[np.abs(normals @ axis) < ACROSS_SINE]
        axis = np.linalg.eigh(chosen.T @ chosen)[1][:, 0]
    return Direction(axis, signed=False)
