"""A drive through the simulated town, with loops in both directions, as a KITTI odometry directory."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from isometry.arrays import Array
from isometry.datasets.kitti.scans import RATE_HZ
from isometry.geometry import se3
from isometry.simulation.paths import densified, distances_along
from isometry.simulation.sensors.lidar import HDL_64, LidarSimulator, SpinningLidar
from isometry.simulation.worlds.town import TownPlan, build_town

IDENTITY_34 = "1 0 0 0 0 1 0 0 0 0 1 0"
# Crossings in driving order: once around both blocks, half of that again, then back in the opposite direction.
ROUTE = ((0, 0), (1, 0), (2, 0), (2, 1), (1, 1), (0, 1), (0, 0), (1, 0), (1, 1), (2, 1), (2, 0), (1, 0), (0, 0), (0, 1))


@dataclass(frozen=True)
class SimulatedDrive:
    """Route and sensor of a drive. The same values give the same files, byte for byte."""

    seed: int = 0
    scans: int = 0  # at most; 0: the whole route
    spacing_m: float = 1.5  # between scans
    lane_offset_m: float = 1.75  # right of the centre line
    height_m: float = 1.73  # of the sensor above the ground
    remounted_deg: float = 137.0  # half-way, the sensor is turned by this angle about its axis
    plan: TownPlan = field(default_factory=TownPlan)
    lidar: SpinningLidar = HDL_64


def sensor_poses(drive: SimulatedDrive) -> Array:
    """T_world_lidar (N,4,4), z = 0 on the ground.

    These are poses of the sensor. Half-way the sensor is remounted, which is a turn on the spot in these poses.
    Nothing informs the robot of it.
    """
    corners = np.array(ROUTE) * (drive.plan.block_length, drive.plan.block_width)
    fine_m = 0.1
    centre = gaussian_filter1d(densified(corners, fine_m), sigma=3.0 / fine_m, axis=0, mode="nearest")
    heading = np.unwrap(np.arctan2(*np.gradient(centre, axis=0).T[::-1]))
    right = np.column_stack([np.sin(heading), -np.cos(heading)])
    path = centre + drive.lane_offset_m * right
    travelled = distances_along(path)
    stops = np.arange(0.0, travelled[-1], drive.spacing_m)
    stops = stops[: drive.scans or None]
    x, y, yaw = (np.interp(stops, travelled, values) for values in (*path.T, heading))
    yaw = yaw + np.radians(drive.remounted_deg) * (np.arange(len(stops)) >= len(stops) // 2)
    poses = np.array([se3.from_planar(*planar) for planar in zip(x, y, yaw, strict=True)])
    poses[:, 2, 3] = drive.height_m
    return poses


def write_simulated_drive(
    root: Path, drive: SimulatedDrive, sequence: str = "00", advance: Callable[[int, int], None] | None = None
) -> None:
    """Write a drive as ROOT/sequences/NN and ROOT/poses/NN.txt; whole, or not at all.

    `advance` is called with (done, total) after each scan.
    """
    random = np.random.default_rng(drive.seed)
    simulator = LidarSimulator(build_town(drive.plan, random), drive.lidar)
    poses = sensor_poses(drive)
    unfinished = root.with_name(root.name + ".partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    scans = unfinished / "sequences" / sequence / "velodyne"
    scans.mkdir(parents=True)
    for k, T_world_lidar in enumerate(poses):
        points = simulator.scan(T_world_lidar, random)
        reflectance = np.full((len(points), 1), 0.5)
        (scans / f"{k:06d}.bin").write_bytes(np.hstack([points, reflectance]).astype("<f4").tobytes())
        if advance is not None:
            advance(k + 1, len(poses))
    np.savetxt(scans.parent / "times.txt", np.arange(len(poses)) / RATE_HZ, fmt="%.6e")
    calibration = "".join(f"{key}: {IDENTITY_34}\n" for key in ("P0", "P1", "P2", "P3", "Tr"))
    (scans.parent / "calib.txt").write_text(calibration)
    (unfinished / "poses").mkdir()
    np.savetxt(unfinished / "poses" / f"{sequence}.txt", poses[:, :3].reshape(-1, 12), fmt="%.9e")
    unfinished.rename(root)
