"""Ray casting into a triangle mesh, the basis of every simulated sensor."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import open3d
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.simulation.worlds.shapes import Mesh


class Hits(NamedTuple):
    """The first hit of each ray."""

    distance: Array  # (M,) as a multiple of the ray's length, infinite without a hit
    triangle: NDArray[np.intp]  # (M,) its number
    weights: Array  # (M,2) of the second and third corner of the triangle at the hit
    normals: Array  # (M,3) unit, in the world frame, of either sign


class RayCaster:
    """A mesh that is prepared for ray casting, by Open3D."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh: Any = open3d.t.geometry.RaycastingScene()
        tensor = open3d.core.Tensor.from_numpy
        self._mesh.add_triangles(tensor(mesh.vertices.astype(np.float32)), tensor(mesh.triangles.astype(np.uint32)))

    def cast(self, T_world_sensor: Array, directions: Array) -> dict[str, NDArray[np.float32]]:
        """The first hit of each ray: rays leave a sensor at a 4x4 pose in `directions` (M,3) of its own frame.

        `t_hit` (M,) is the distance as a multiple of the direction's length, infinite without a hit.
        `primitive_normals` (M,3) are unit normals in the world frame, of either sign.
        """
        hits = self._cast(T_world_sensor[:3, 3], directions @ T_world_sensor[:3, :3].T)
        return {name: hits[name].numpy() for name in ("t_hit", "primitive_normals")}

    def meet(self, T_world_sensor: Array, directions: Array) -> Hits:
        """The same with the triangles that are hit, and where."""
        return self.meet_from(T_world_sensor[:3, 3], directions @ T_world_sensor[:3, :3].T)

    def meet_from(self, origins: Array, directions: Array) -> Hits:
        """The first hits of rays from origins (M,3), or from one (3,), in directions (M,3), in the world frame."""
        hits = {name: found.numpy() for name, found in self._cast(origins, directions).items()}
        return Hits(
            hits["t_hit"].astype(np.float64),
            hits["primitive_ids"].astype(np.intp),
            hits["primitive_uvs"].astype(np.float64),
            hits["primitive_normals"].astype(np.float64),
        )

    def _cast(self, origins: Array, directions: Array) -> Any:
        rays = np.empty((len(directions), 6), np.float32)
        rays[:, :3], rays[:, 3:] = origins, directions
        return self._mesh.cast_rays(open3d.core.Tensor.from_numpy(rays))

    def clearance(self, positions: Array) -> Array:
        """Distance (P,) in metres from each position (P,3) to the mesh."""
        distance = self._mesh.compute_distance(open3d.core.Tensor.from_numpy(positions.astype(np.float32)))
        return np.asarray(distance.numpy(), dtype=np.float64)
