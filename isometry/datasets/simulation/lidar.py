"""A spinning LiDAR that is cast into a mesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import open3d
from numpy.typing import NDArray

from isometry.datasets.simulation.shapes import Mesh
from isometry.geometry import se3

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SpinningLidar:
    """Beams of one turn, and how its readings fail."""

    beams: int = 64
    highest_deg: float = 2.0  # elevation of the uppermost beam
    lowest_deg: float = -24.8
    azimuth_step_deg: float = 0.4
    range_m: float = 80.0  # nothing is seen beyond
    noise_m: float = 0.02  # standard deviation of a range
    dropped: float = 0.05  # share of readings that are lost

    def directions(self) -> Array:
        """Unit vectors (M,3) of the readings of one turn in the sensor's frame."""
        azimuth = np.radians(np.arange(0.0, 360.0, self.azimuth_step_deg))
        elevation = np.radians(np.linspace(self.highest_deg, self.lowest_deg, self.beams))
        azimuth, elevation = (grid.ravel() for grid in np.meshgrid(azimuth, elevation))
        flat = np.cos(elevation)
        return np.column_stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)])


HDL_64 = SpinningLidar()
VLP_16 = SpinningLidar(beams=16, highest_deg=15.0, lowest_deg=-15.0)


class LidarSimulator:
    """A mesh that scans can be taken in."""

    def __init__(self, mesh: Mesh, lidar: SpinningLidar) -> None:
        self.lidar = lidar
        self._directions = lidar.directions()
        self._scene: Any = open3d.t.geometry.RaycastingScene()
        tensor = open3d.core.Tensor.from_numpy
        self._scene.add_triangles(tensor(mesh.vertices.astype(np.float32)), tensor(mesh.triangles.astype(np.uint32)))

    def scan(self, T_world_lidar: Array, random: np.random.Generator) -> NDArray[np.float32]:
        """Points (M,3) in metres in the sensor's frame at a 4x4 pose; the sensor stands still while it turns."""
        directions = self._directions[random.random(len(self._directions)) >= self.lidar.dropped]
        rays = np.empty((len(directions), 6), np.float32)
        rays[:, :3] = T_world_lidar[:3, 3]
        rays[:, 3:] = se3.apply(se3.from_rotation_translation(T_world_lidar[:3, :3], np.zeros(3)), directions)
        ranges = self._scene.cast_rays(open3d.core.Tensor.from_numpy(rays))["t_hit"].numpy().astype(np.float64)
        ranges += random.normal(0.0, self.lidar.noise_m, len(ranges))
        seen = (ranges > 0.0) & (ranges <= self.lidar.range_m)
        points: NDArray[np.float32] = (directions[seen] * ranges[seen, None]).astype(np.float32)
        return points
