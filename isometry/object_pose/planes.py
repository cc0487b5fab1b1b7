"""The plane that most readings of a camera lie on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from isometry.arrays import Array, Flags

SHORTEST = 1e-9  # square metres: three readings in a line hold no plane


class Plane(NamedTuple):
    """A plane and the readings it was fitted to."""

    normal: Array  # (3,) unit, towards the camera
    middle: Array  # (3,) metres, of these readings
    held: Flags  # (N,) readings that lie on it

    def off(self, points: Array) -> Array:
        """Metres (...) of points (...,3) from the plane, above 0 on the side of the camera."""
        return np.asarray((points - self.middle) @ self.normal)


def plane_of(
    readings: Array, tolerances: Array, trials: int, normals: Array | None = None, least_cosine: float = 0.0
) -> Plane | None:
    """The plane that most of readings (N,3) lie on within tolerances (N,) in metres; None where no three hold one.

    With `normals` (N,3), only readings count whose normal is parallel to it by `least_cosine`. The same each time.
    Source: Fischler and Bolles, "Random sample consensus" (1981).
    """
    if len(readings) < 3:
        return None
    random = np.random.default_rng(0)
    a, b, c = np.moveaxis(readings[random.integers(len(readings), size=(trials, 3))], 1, 0)
    tried = np.cross(b - a, c - a)
    lengths = np.linalg.norm(tried, axis=1)
    tried, a = tried[lengths > SHORTEST] / lengths[lengths > SHORTEST, None], a[lengths > SHORTEST]
    if len(tried) == 0:
        return None
    held = np.abs(readings @ tried.T - np.sum(tried * a, axis=1)) < tolerances[:, None]
    if normals is not None:
        held &= np.abs(normals @ tried.T) > least_cosine
    best = held[:, np.argmax(held.sum(axis=0))]
    if best.sum() < 3:
        return None
    middle = readings[best].mean(axis=0)
    normal = np.linalg.svd(readings[best] - middle, full_matrices=False)[2][2]
    return Plane(normal if normal @ middle < 0.0 else -normal, middle, best)
