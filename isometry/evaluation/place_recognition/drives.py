"""Drives on which place recognition is measured: recorded ones, and two through a simulated world."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Integers
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.evaluation.place_recognition.scan_turn import turns_between
from isometry.geometry import se3
from isometry.simulation.world_scanner import WorldScanner
from isometry.simulation.worlds.world import World

Progress = Callable[[Iterable[int]], Iterable[int]]  # wraps an iterable and shows its progress


class Drive(Protocol):
    """Scans with true poses. Rows count the scans from 0."""

    @property
    def frames(self) -> Integers:
        """The number (N,) by which each scan is reported."""
        ...

    @property
    def T_world_scan(self) -> Array:
        """The true poses (N,4,4)."""
        ...

    @property
    def yaw_known(self) -> bool:
        """Whether the yaw of the true poses counts."""
        ...

    @property
    def height_known(self) -> bool:
        """Whether the height of the true poses counts: then a place on another storey is another place."""
        ...

    def scan(self, row: int) -> NDArray[np.float32]:
        """Points (N,3) in metres."""
        ...

    def twins(self, row: int) -> Array:
        """Other poses (J,4,4) in the world at which a sensor would measure the same as at that of the row."""
        ...


@dataclass(frozen=True)
class RecordedDrive:
    """A KITTI sequence with the true pose of each scan file."""

    dataset: KittiOdometry
    T_world_scan: Array  # (N,4,4)
    yaw_known: bool
    height_known: bool = False  # the published heights drift by metres from one visit to the next

    @classmethod
    def of(cls, dataset: KittiOdometry, progress: Progress = iter) -> RecordedDrive:
        """A drive of a data set. Scans of another sequence may be turned; each turn is measured then."""
        if dataset.scans_from is None:
            return cls(dataset, dataset.poses, True)
        upright = KittiOdometry(dataset.root, dataset.sequence)
        if not np.array_equal(upright.frames, dataset.frames):
            return cls(dataset, dataset.poses, False)
        T_upright_scan = [se3.from_planar(0.0, 0.0, -turn) for turn in turns_between(upright, dataset, progress)]
        return cls(dataset, dataset.poses @ np.array(T_upright_scan), True)

    @property
    def frames(self) -> Integers:
        """Numbers (N,) of the scan files."""
        return self.dataset.frames

    def scan(self, row: int) -> NDArray[np.float32]:
        """Points (N,3) in metres in the LiDAR's frame."""
        points: NDArray[np.float32] = self.dataset.scan(row)[:, :3]
        return points

    def twins(self, row: int) -> Array:
        """None (0,4,4): a recorded place is taken to be the only one of its kind."""
        return np.empty((0, 4, 4))


@dataclass(frozen=True)
class WorldDrive:
    """Two drives through a world. The first one is to be mapped, without the part of the route that maps leave out.

    The second one keeps to the other lane: all of the route in the same direction, then all of it in the other one.
    """

    world: World
    seed: int  # of the noise
    spacing_m: float  # between scans
    yaw_known: bool = True
    height_known: bool = True

    @cached_property
    def T_world_scan(self) -> Array:
        """Poses (N,4,4) of the base, of both drives."""
        other_lane = self.world.lap(self.spacing_m, lane_m=-self.world.lane_m)
        return np.concatenate([self._first, other_lane, self.world.lap(self.spacing_m, backwards=True)])

    @cached_property
    def _first(self) -> Array:
        lap = self.world.lap(self.spacing_m)
        return lap[[not self.world.left_out.contains(T) for T in lap]]

    @property
    def database(self) -> range:
        """The rows of the first drive."""
        return range(len(self._first))

    @property
    def queries(self) -> range:
        """The rows of the second drive."""
        return range(len(self._first), len(self.T_world_scan))

    @property
    def frames(self) -> Integers:
        """The rows (N,)."""
        return np.arange(len(self.T_world_scan))

    @cached_property
    def _scanner(self) -> WorldScanner:
        return WorldScanner(self.world)

    def scan(self, row: int) -> NDArray[np.float32]:
        """Points (N,3) in metres in the base frame."""
        return self._scanner.scan(self.T_world_scan[row], np.random.default_rng([self.seed, row]))

    def twins(self, row: int) -> Array:
        """Other poses (J,4,4) that no sensor can tell from that of the row."""
        return self.world.twins(self.T_world_scan[row])
