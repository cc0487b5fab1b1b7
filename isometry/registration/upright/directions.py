"""Directions that a cloud's surfaces single out: axes along which two clouds of one scene can be compared upright."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from isometry.arrays import Array

GRID = 400  # directions tried on the half sphere, about 7 degrees apart
SAMPLE = 4000  # normals looked at
NEAR_COSINE, FAR_COSINE = float(np.cos(np.radians(8.0))), float(np.cos(np.radians(20.0)))
ACROSS_SINE = float(np.sin(np.radians(8.0)))
CLUSTERS = 3
ONE_SIDED = 0.6  # of the normals' signs, from which on they tell which way a direction points


class Direction(NamedTuple):
    """An axis of a cloud."""

    axis: Array  # (3,) unit
    share: float  # of the cloud's normals that follow it
    signed: bool  # whether the cloud tells it from its opposite
    kind: str  # "normal": of large surfaces, as of the ground; "across": all walls and poles run along it; "gravity"


def dominant_directions(normals: Array, oriented: bool) -> list[Direction]:
    """Axes of unit normals (N,3), most prominent first: of the largest surfaces, and the one that most run along.

    The first suits the ground and floors; the last finds the vertical of a cloud without any ground, of which most
    surfaces are walls, poles and trunks. `oriented` normals point to the sensor, and then give a ground's axis a sign.
    """
    sample = normals[:: max(1, len(normals) // SAMPLE)]
    grid = half_sphere(GRID)
    along = np.abs(sample @ grid.T)
    found = []
    free = np.ones(len(sample), bool)
    for _ in range(CLUSTERS):
        axis = grid[(along[free] > NEAR_COSINE).sum(axis=0).argmax()]
        axis, signed = _mean_axis(sample[free], axis)
        cosine = np.abs(sample @ axis)
        found.append(Direction(axis, float((cosine > NEAR_COSINE).mean()), signed and oriented, "normal"))
        free &= cosine < FAR_COSINE
        if free.sum() < 0.02 * len(sample):
            break
    found.append(_most_across(sample, grid[(along < ACROSS_SINE).sum(axis=0).argmax()]))
    return found


def half_sphere(count: int) -> Array:
    """Evenly spread unit vectors (count,3) with z > 0: a Fibonacci lattice."""
    k = np.arange(count) + 0.5
    z = 1.0 - k / count
    azimuth = np.pi * (1.0 + np.sqrt(5.0)) * k
    return np.column_stack([np.sqrt(1.0 - z * z) * np.cos(azimuth), np.sqrt(1.0 - z * z) * np.sin(azimuth), z])


def _mean_axis(normals: Array, axis: Array) -> tuple[Array, bool]:
    """The mean of the normals around an axis, pointing where most of them point, and whether that is clear."""
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
    """The direction that the most normals are perpendicular to, from a first guess on."""
    across = np.ones(len(normals), bool)
    for _ in range(5):
        across = np.abs(normals @ axis) < ACROSS_SINE
        chosen = normals[across]
        axis = np.linalg.eigh(chosen.T @ chosen)[1][:, 0]
    return Direction(axis, float(across.mean()), False, "across")
