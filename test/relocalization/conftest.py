"""A simulated street, its map, and scans there."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.drive import SimulatedDrive, sensor_poses
from isometry.simulation.sensors.lidar import LidarSimulator, SpinningLidar
from isometry.simulation.worlds.town import build_town


@pytest.fixture(scope="module")
def town() -> tuple[Array, Array, LidarSimulator]:
    """A map (N,3) of 60 m of a street, the poses that it was made from and 20 further ones, and what scans there."""
    drive = SimulatedDrive(scans=70, spacing_m=1.5, remounted_deg=0.0)
    simulator = LidarSimulator(
        build_town(drive.plan, np.random.default_rng(0)), SpinningLidar(beams=48, azimuth_step_deg=0.8)
    )
    poses = sensor_poses(drive)
    random = np.random.default_rng(1)
    cloud = np.concatenate([se3.apply(T, simulator.scan(T, random).astype(np.float64)) for T in poses[:60:3]])
    return cloud, poses, simulator
