"""Drives with known poses: recorded ones, and simulated ones in which the robot starts, speeds up and slows down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation, Slerp

from isometry.arrays import Array
from isometry.datasets.kitti.scans import RATE_HZ, open_scans
from isometry.geometry import se3
from isometry.simulation.sensors.lidar import LidarSimulator
from isometry.simulation.worlds.registry import build_world
from isometry.simulation.worlds.world import ROUTE_STEP_M

SPEED_MPS, SPEED_VARIES_S = 4.0, 2.0  # mean speed of a simulated robot, and the time within which it changes
TURN_RADIUS_M, BRAKING_M = 5.0, 2.0  # of turns with 0.7 times that speed, and the distance of braking before a turn


@dataclass(frozen=True)
class Drive:
    """Scans with true poses."""

    stamps_ns: NDArray[np.int64]  # (N,)
    poses: Array  # (N,4,4) T_world_base
    scan: Callable[[int], NDArray[np.floating]]  # the points (M,3) of the k-th scan, metres in the base frame
    origin: Array  # (3,) of the sensor in the base frame


def recorded_drive(root: Path, sequence: str, poses: Path | None = None) -> Drive:
    """A KITTI sequence, whose base is the LiDAR. Raises DatasetError naming what is missing."""
    scans = open_scans(root, sequence, poses)
    stamps_ns = np.round((1.0 + scans.frames / RATE_HZ) * 1e9).astype(np.int64)
    return Drive(stamps_ns, scans.poses, lambda k: scans.scan(k)[:, :3], np.zeros(3))


def simulated_drive(world_name: str, seed: int, scans: int) -> Drive:
    """At most so many scans on the way through a simulated world. Raises ValueError for a name that is none."""
    world, random = build_world(world_name, seed), np.random.default_rng(seed)
    poses = _driven(world.lap(ROUTE_STEP_M), scans, random)
    T_base_sensor = se3.from_rotation_translation(np.eye(3), np.array([0.0, 0.0, world.sensor_height_m]))
    simulator = LidarSimulator(world.mesh, world.lidar)

    def scan(k: int) -> NDArray[np.floating]:
        points = simulator.scan(poses[k] @ T_base_sensor, np.random.default_rng([seed, k]))
        return se3.apply(T_base_sensor, points.astype(np.float64))

    stamps_ns = np.round((1.0 + np.arange(len(poses)) / RATE_HZ) * 1e9).astype(np.int64)
    return Drive(stamps_ns, poses, scan, T_base_sensor[:3, 3])


def _driven(route: Array, scans: int, random: np.random.Generator) -> Array:
    """Poses (N,4,4) on a route (P,4,4) at the instants of scans, from a standstill on with a speed that varies."""
    changes = gaussian_filter1d(random.normal(size=scans), SPEED_VARIES_S * RATE_HZ, mode="wrap")
    speeds = SPEED_MPS * np.clip(1.0 + 0.5 * (changes - changes.mean()) / changes.std(), 0.0, None)
    speeds *= 1.0 - np.exp(-np.arange(scans) / (SPEED_VARIES_S * RATE_HZ))
    steps = se3.inverse(route[:-1]) @ route[1:]
    turned = Rotation.from_matrix(steps[:, :3, :3]).magnitude()
    turned = np.maximum(turned, gaussian_filter1d(turned, BRAKING_M / ROUTE_STEP_M))
    # a robot slows down before turns and in them: they count as a longer way
    way = np.cumsum(np.append(0.0, np.hypot(np.linalg.norm(steps[:, :3, 3], axis=1), TURN_RADIUS_M * turned)))
    moving = np.append(True, np.diff(way) > 1e-6)
    route, way = route[moving], way[moving]
    stops = np.append(0.0, np.cumsum(speeds[1:] / RATE_HZ))
    stops = stops[stops <= way[-1]]
    poses = np.tile(np.eye(4), (len(stops), 1, 1))
    poses[:, :3, :3] = Slerp(way, Rotation.from_matrix(route[:, :3, :3]))(stops).as_matrix()
    poses[:, :3, 3] = np.column_stack([np.interp(stops, way, route[:, axis, 3]) for axis in range(3)])
    return poses
