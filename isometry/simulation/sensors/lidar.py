"""LiDARs that are cast into a mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.simulation.sensors.ray_caster import RayCaster
from isometry.simulation.worlds.shapes import Mesh


@dataclass(frozen=True)
class SpinningLidar:
    """Beams of one turn, and how its readings fail."""

    beams: int = 64
    highest_deg: float = 2.0  # elevation of the uppermost beam
    lowest_deg: float = -24.8
    denser_above_deg: float | None = None  # half of the beams are between the uppermost and this elevation
    azimuth_step_deg: float = 0.4
    range_m: float = 80.0  # nothing is seen beyond
    noise_m: float = 0.02  # standard deviation of a range
    dropped: float = 0.05  # share of readings that are lost

    def directions(self) -> Array:
        """Unit vectors (M,3) of the readings of one turn in the sensor's frame."""
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
    """A LiDAR without beams, such as Livox's Mid-360: two mirrors of incommensurable speeds fill its field of view."""

    readings: int = 40_000  # in one scan
    highest_deg: float = 52.0
    lowest_deg: float = -7.0
    start: float = 0.0  # where in its pattern the scan begins; no pattern comes back
    range_m: float = 40.0
    noise_m: float = 0.02
    dropped: float = 0.05

    def directions(self) -> Array:
        """Unit vectors (M,3) of the readings of one scan in the sensor's frame."""
        turn = self.start + np.arange(self.readings) / 500.0
        azimuth = 2.0 * np.pi * turn
        sweep = np.abs((turn * 29.0 * (np.sqrt(5.0) - 1.0)) % 2.0 - 1.0)
        elevation = np.radians(self.lowest_deg + (self.highest_deg - self.lowest_deg) * sweep)
        flat = np.cos(elevation)
        return np.column_stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)])


Lidar = SpinningLidar | RosetteLidar
HDL_64 = SpinningLidar()
HDL_64E = SpinningLidar(denser_above_deg=-8.6)  # as its beams really lie
VLP_16 = SpinningLidar(beams=16, highest_deg=15.0, lowest_deg=-15.0)


class LidarSimulator:
    """A mesh that scans can be taken in."""

    def __init__(self, mesh: Mesh, lidar: Lidar) -> None:
        self.lidar = lidar
        self._directions = lidar.directions()
        self._caster = RayCaster(mesh)

    def clearance(self, places: Array) -> Array:
        """Distance (P,) in metres from places (P,3) to what is nearest."""
        return self._caster.clearance(places)

    def scan(self, T_world_lidar: Array, random: np.random.Generator) -> NDArray[np.float32]:
        """Points (M,3) in metres in the sensor's frame at a 4x4 pose; the sensor stands still while it turns."""
        directions = self._directions[random.random(len(self._directions)) >= self.lidar.dropped]
        ranges = self._caster.cast(T_world_lidar, directions)["t_hit"].astype(np.float64)
        ranges += random.normal(0.0, self.lidar.noise_m, len(ranges))
        seen = (ranges > 0.0) & (ranges <= self.lidar.range_m)
        points: NDArray[np.float32] = (directions[seen] * ranges[seen, None]).astype(np.float32)
        return points
