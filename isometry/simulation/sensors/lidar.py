"""LiDARs, by ray casting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.simulation.sensors.ray_caster import RayCaster
from isometry.simulation.worlds.shapes import Mesh


@dataclass(frozen=True)
class SpinningLidar:
    """Beams, range and noise of a LiDAR that spins about z."""

    beams: int = 64
    highest_deg: float = 2.0  # elevation of the uppermost beam
    lowest_deg: float = -24.8
    denser_above_deg: float | None = None  # half of the beams lie above this elevation; None: beams evenly spaced
    azimuth_step_deg: float = 0.4
    range_m: float = 80.0  # the longest that is measured
    noise_m: float = 0.02  # standard deviation of a range
    dropped: float = 0.05  # share of measurements that are lost

    def directions(self) -> Array:
        """Unit vectors (M,3) of the measurements of one turn, in the sensor's frame."""
        azimuth = np.radians(np.arange(0.0, 360.0, self.azimuth_step_deg))
        middle_deg = (self.highest_deg + self.lowest_deg) / 2.0
        if self.denser_above_deg is not None:
            middle_deg = self.denser_above_deg
        bend_deg = [self.highest_deg, middle_deg, self.lowest_deg]
        elevation = np.radians(np.interp(np.linspace(0.0, 2.0, self.beams), [0.0, 1.0, 2.0], bend_deg))
        azimuth, elevation = (grid.ravel() for grid in np.meshgrid(azimuth, elevation))
        flat = np.cos(elevation)
        return np.column_stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)])


@dataclass(frozen=True)
class RosetteLidar:
    """A LiDAR with a rosette pattern, such as Livox's Mid-360, that fills its field of view and never repeats."""

    readings: int = 40_000  # in one scan
    highest_deg: float = 52.0
    lowest_deg: float = -7.0
    start: float = 0.0  # turns of the pattern before the scan
    range_m: float = 40.0
    noise_m: float = 0.02
    dropped: float = 0.05

    def directions(self) -> Array:
        """Unit vectors (M,3) of the measurements of one scan, in the sensor's frame."""
        turn = self.start + np.arange(self.readings) / 500.0
        azimuth = 2.0 * np.pi * turn
        sweep = np.abs((turn * 29.0 * (np.sqrt(5.0) - 1.0)) % 2.0 - 1.0)
        elevation = np.radians(self.lowest_deg + (self.highest_deg - self.lowest_deg) * sweep)
        flat = np.cos(elevation)
        return np.column_stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)])


Lidar = SpinningLidar | RosetteLidar
HDL_64 = SpinningLidar()
HDL_64E = SpinningLidar(denser_above_deg=-8.6)  # with the elevations of the real sensor


class LidarSimulator:
    """LiDAR scans of a mesh."""

    def __init__(self, mesh: Mesh, lidar: Lidar) -> None:
        self.lidar = lidar
        self._directions = lidar.directions()
        self._caster = RayCaster(mesh)

    def clearance(self, positions: Array) -> Array:
        """Distance (P,) in metres from each position (P,3) to the mesh."""
        return self._caster.clearance(positions)

    def scan(self, T_world_lidar: Array, random: np.random.Generator) -> NDArray[np.float32]:
        """Points (M,3) in metres, in the sensor's frame at a 4x4 pose; the sensor does not move during a scan."""
        directions = self._directions[random.random(len(self._directions)) >= self.lidar.dropped]
        ranges = self._caster.cast(T_world_lidar, directions)["t_hit"].astype(np.float64)
        ranges += random.normal(0.0, self.lidar.noise_m, len(ranges))
        measured = (ranges > 0.0) & (ranges <= self.lidar.range_m)
        points: NDArray[np.float32] = (directions[measured] * ranges[measured, None]).astype(np.float32)
        return points
