"""A mesh into which rays are cast."""

from __future__ import annotations

from typing import Any

import numpy as np
import open3d
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.simulation.worlds.shapes import Mesh


class Scene:
    """What sensors are simulated in."""

    def __init__(self, mesh: Mesh) -> None:
        self._scene: Any = open3d.t.geometry.RaycastingScene()
        tensor = open3d.core.Tensor.from_numpy
        self._scene.add_triangles(tensor(mesh.vertices.astype(np.float32)), tensor(mesh.triangles.astype(np.uint32)))

    def cast(self, T_world_sensor: Array, directions: Array) -> dict[str, NDArray[np.float32]]:
        """What rays (M,3) of a sensor at a 4x4 pose hit first.

        `t_hit` (M,) in lengths of the ray, infinite where it hits nothing; `primitive_normals` (M,3), unit, in the
        world, of either sign.
        """
        rays = np.empty((len(directions), 6), np.float32)
        rays[:, :3] = T_world_sensor[:3, 3]
        rays[:, 3:] = directions @ T_world_sensor[:3, :3].T
        hits = self._scene.cast_rays(open3d.core.Tensor.from_numpy(rays))
        return {name: hits[name].numpy() for name in ("t_hit", "primitive_normals")}

    def clearance(self, places: Array) -> Array:
        """Distance (P,) in metres from places (P,3) to what is nearest."""
        distance = self._scene.compute_distance(open3d.core.Tensor.from_numpy(places.astype(np.float32)))
        return np.asarray(distance.numpy(), dtype=np.float64)
