"""A world with a route through it, and the knowledge of which of its places look the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.paths import densified, distances_along
from isometry.simulation.sensors.lidar import SpinningLidar
from isometry.simulation.worlds.repetition import Region, Repetition
from isometry.simulation.worlds.shapes import Mesh

ROUTE_STEP_M = 0.1  # between the poses of a route
OUTDOOR = SpinningLidar(beams=32, highest_deg=10.0, lowest_deg=-25.0, azimuth_step_deg=0.5)
INDOOR = SpinningLidar(beams=32, highest_deg=35.0, lowest_deg=-35.0, azimuth_step_deg=0.5, range_m=40.0)


@dataclass(frozen=True)
class World:
    """What a robot meets: surfaces, a route, a sensor that suits the place, and the truth about what looks the same."""

    mesh: Mesh
    route: Array  # (P,4,4) T_world_base on the ground in the middle of the way, ROUTE_STEP_M apart
    lane_m: float  # by which a robot keeps to the right of the route; as much is free to the left
    left_out: Region  # part of the route to leave out of a map, so that only places like it are in the map
    repetitions: Sequence[Repetition] = ()  # without one, every place is a different one
    lidar: SpinningLidar = OUTDOOR
    sensor_height_m: float = 1.5  # above the base

    def lap(self, spacing_m: float, lane_m: float | None = None, backwards: bool = False) -> Array:
        """Poses T_world_base (N,4,4) along the route; `lane_m` to the right of it, as seen by the robot."""
        travelled = distances_along(self.route[:, :3, 3])
        stops = np.searchsorted(travelled, np.arange(0.0, travelled[-1], spacing_m))
        poses = self.route[stops]
        if backwards:
            poses = poses[::-1] @ se3.from_planar(0.0, 0.0, np.pi)
        aside = se3.from_planar(0.0, -(self.lane_m if lane_m is None else lane_m), 0.0)
        moved: Array = poses @ aside
        return moved

    def drive(self, spacing_m: float) -> Array:
        """Poses T_world_base (N,4,4): along the route, and back in the other lane."""
        return np.concatenate([self.lap(spacing_m), self.lap(spacing_m, backwards=True)])

    def alike(self, T_first: Array, T_second: Array) -> bool:
        """Whether no sensor can tell two different poses (4,4) apart; they differ by the repetition only."""
        return any(repetition.alike(T_first, T_second) for repetition in self.repetitions)

    def twins(self, T_world_base: Array) -> Array:
        """Other poses (J,4,4) that no sensor can tell from a pose (4,4); of an even stretch only some."""
        found = [twin for repetition in self.repetitions for twin in repetition.twins(T_world_base)]
        return np.array(found).reshape(-1, 4, 4)


def route_through(corners: Array, rounding_m: float = 1.0) -> Array:
    """Poses (P,4,4) along the straight legs between corners (K,3) in metres, with x ahead and corners rounded."""
    line = densified(corners, ROUTE_STEP_M)
    line = gaussian_filter1d(line, sigma=rounding_m / ROUTE_STEP_M, axis=0, mode="nearest")
    ahead = np.gradient(line, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    left = np.column_stack([-ahead[:, 1], ahead[:, 0], np.zeros(len(ahead))])
    left /= np.linalg.norm(left, axis=1, keepdims=True)
    poses = np.tile(np.eye(4), (len(line), 1, 1))
    poses[:, :3, :3] = np.stack([ahead, left, np.cross(ahead, left)], axis=2)
    poses[:, :3, 3] = line
    return poses
