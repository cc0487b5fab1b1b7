from __future__ import annotations

import numpy as np

from isometry.geometry import se3
from isometry.simulation.sensors.lidar import LidarSimulator, RosetteLidar
from isometry.simulation.worlds.interior import Opening, wall


def test_a_wall_is_open_where_its_door_is(random: np.random.Generator) -> None:
    door = Opening(start=1.0, width=1.0, sill=0.0, top=2.0)
    mesh = wall(np.array([0.0, -2.0]), np.array([0.0, 2.0]), 3.0, 0.2, [door])
    lidar = RosetteLidar(noise_m=0.0, dropped=0.0, lowest_deg=-0.1, highest_deg=0.1)

    def seen(y: float, z: float) -> bool:
        T_world_lidar = se3.from_planar(-1.0, y, 0.0)
        T_world_lidar[2, 3] = z
        ahead = LidarSimulator(mesh, lidar).scan(T_world_lidar, random)
        return bool((np.abs(ahead[:, 1]) < 0.05).any())

    assert not seen(y=-0.5, z=1.0)
    assert seen(y=-0.5, z=2.5)
    assert seen(y=1.0, z=1.0)
