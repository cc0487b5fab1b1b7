"""A small street scene that can be looked at from anywhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.geometry import se3


def scene(seed: int) -> Array:
    """Points (N,3) of walls, poles and ground in a square of 80 m: another street for each seed."""
    random = np.random.default_rng(seed)
    parts = [np.column_stack([random.uniform(-40, 40, (6000, 2)), random.normal(0.0, 0.02, 6000)])]
    for _ in range(24):
        start, heading = random.uniform(-35, 35, 2), random.choice([0.0, np.pi / 2]) + random.normal(0.0, 0.1)
        along = random.uniform(0, random.uniform(4, 14), 500)
        wall = start + along[:, None] * [np.cos(heading), np.sin(heading)]
        parts.append(np.column_stack([wall, random.uniform(0.2, random.uniform(1.0, 5.0), 500)]))
    return np.vstack(parts)


def seen_from(points: Array, T_world_base: Array, seed: int) -> Array:
    """The points in a base frame, sampled anew with 2 cm of noise."""
    random = np.random.default_rng(seed)
    kept = points[random.random(len(points)) < 0.8]
    return se3.apply(se3.inverse(T_world_base), kept) + random.normal(0.0, 0.02, kept.shape)


@pytest.fixture
def look() -> Callable[[int, Array], Array]:
    """look(seed of the scene, T_world_base): a scan there."""
    return lambda seed, T_world_base: seen_from(scene(seed), T_world_base, seed + 1)
