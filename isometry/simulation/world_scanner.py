"""The LiDAR scans of a robot in a simulated world, in its base frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.sensors.lidar import LidarSimulator
from isometry.simulation.worlds.world import World


class WorldScanner:
    """A robot with the LiDAR of a world upright on its base."""

    def __init__(self, world: World) -> None:
        self.origin = np.array([0.0, 0.0, world.sensor_height_m])  # of the sensor in the base frame
        self._T_base_lidar = se3.from_rotation_translation(np.eye(3), self.origin)
        self._simulator = LidarSimulator(world.mesh, world.lidar)

    def scan(self, T_world_base: Array, random: np.random.Generator) -> NDArray[np.float32]:
        """Points (M,3) in metres in the base frame of a robot at a pose (4,4)."""
        points = self._simulator.scan(T_world_base @ self._T_base_lidar, random)
        return points + self.origin.astype(np.float32)

    def clearance(self, T_world_base: Array) -> Array:
        """Distance (N,) in metres from the sensor to the nearest surface, at poses (N,4,4)."""
        return self._simulator.clearance((T_world_base @ self._T_base_lidar)[:, :3, 3])
