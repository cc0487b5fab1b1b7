"""A smooth deformation of the world: streets curve, walls are not at right angles, the ground rises and falls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.worlds.shapes import Mesh


@dataclass(frozen=True)
class Bend:
    """A displacement of points by a sum of K plane waves."""

    wave_vectors: Array  # (K,2) radians per metre
    amplitudes: Array  # (K,3) metres
    phases: Array  # (K,) radians

    def points(self, points: Array) -> Array:
        """Displaced points (N,3) of points (N,3), in metres."""
        waves = np.sin(points[:, :2] @ self.wave_vectors.T + self.phases)
        displaced: Array = points + waves @ self.amplitudes
        return displaced

    def mesh(self, mesh: Mesh) -> Mesh:
        """The mesh with every vertex displaced."""
        return Mesh(self.points(mesh.vertices), mesh.triangles)

    def pose(self, T_world_body: Array) -> Array:
        """Displaced pose (4,4) of a body at a pose (4,4): its x axis and its x-y plane follow the ground."""
        here, ahead, left = self.points(T_world_body[:3, 3] + np.vstack([np.zeros(3), T_world_body[:3, :2].T]))
        x = (ahead - here) / np.linalg.norm(ahead - here)
        z = np.cross(x, left - here)
        z /= np.linalg.norm(z)
        return se3.from_rotation_translation(np.column_stack([x, np.cross(z, x), z]), here)


def random_bend(
    sideways_m: float, relief_m: float, wavelengths_m: tuple[float, float], random: np.random.Generator
) -> Bend:
    """A bend of four waves; `sideways_m` and `relief_m` are about the largest displacements along x and y, and z."""
    waves = 4
    direction = random.uniform(0.0, 2.0 * np.pi, waves)
    number = 2.0 * np.pi / random.uniform(*wavelengths_m, waves)
    amplitudes = random.normal(scale=0.5, size=(waves, 3)) * [sideways_m, sideways_m, relief_m]
    wave_vectors = number[:, None] * np.column_stack([np.cos(direction), np.sin(direction)])
    return Bend(wave_vectors, amplitudes, random.uniform(0.0, 2.0 * np.pi, waves))
