"""Simulated drives through traffic to train the flow memory on: what a LiDAR saw, with the true motion of all objects.

Training takes clips of them: some seconds of a drive, in a window around one place.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.errors import reading_arrays
from isometry.simulation.traffic.scans import TrafficDrive, random_drive
from isometry.tracking.memory.flow_cells import FlowGrid, OccupiedCells, occupied_cells

REACH_M = 44.0  # points farther from the sensor along x or y are left out
LAG = 2  # scans from one step of the recurrence to the next
NEAR_M = 40.0  # clips are drawn around moving objects within this distance of the sensor
MOVING_MPS = 0.5
WITHOUT_MOTION = 0.1  # share of the clips without a moving object near by that are used


@dataclass(frozen=True)
class Drive:
    """A drive as it is stored: what the sensor saw above the ground, seen from above. T scans of A objects."""

    points: NDArray[np.float32]  # (N,2) metres in the world frame, scan after scan
    objects: NDArray[np.int16]  # (N,) number of the object that each point lies on; -1: static background
    counts: NDArray[np.int64]  # (T,) points of each scan
    own: Array  # (T,2) positions of the sensor in the world frame
    times_s: Array  # (T,)
    boxes: Array  # (T,A,7) in the world frame; NaN while absent

    def cells(self, k: int, centre: Array, grid: FlowGrid) -> tuple[OccupiedCells, NDArray[np.int64]]:
        """The K occupied cells of the k-th scan, and the object (K,) in each; -1: static background."""
        rows = slice(int(self.counts[:k].sum()), int(self.counts[: k + 1].sum()))
        cells = occupied_cells(self.points[rows], centre, grid)
        objects = np.full(len(cells), -1)
        inside = (cells.of_points >= 0) & (self.objects[rows] >= 0)
        objects[cells.of_points[inside]] = self.objects[rows][inside]
        return cells, objects

    def velocities(self, k: int, before: int) -> Array:
        """Mean velocities (A,2) in metres a second of all objects between two scans; NaN where one was absent."""
        moved = self.boxes[k, :, :2] - self.boxes[before, :, :2]
        return np.asarray(moved / (self.times_s[k] - self.times_s[before]))


@dataclass(frozen=True)
class Clip:
    """A clip of a drive: the scans that the recurrence goes through, in a window that does not move."""

    drive: Drive
    scans: range
    centre: Array  # (2,) of the window


def whole_clip(drive: Drive) -> Clip:
    """All of a drive, around the position of the sensor in the middle of it."""
    return Clip(drive, range(0, len(drive.counts), LAG), drive.own[len(drive.own) // 2])


def draw_clip(drives: Sequence[Drive], steps: int, random: np.random.Generator) -> Clip:
    """A random clip of so many steps, around a moving object; where there is none, in one of ten around the sensor."""
    while True:
        drive = drives[int(random.integers(len(drives)))]
        first = int(random.integers(0, len(drive.counts) - LAG * steps))
        scans = range(first, first + LAG * steps + 1, LAG)
        middle = scans[len(scans) // 2]
        positions = drive.boxes[middle, :, :2]
        speed = np.linalg.norm(drive.velocities(middle, middle - LAG), axis=1)
        near = np.linalg.norm(positions - drive.own[middle], axis=1) < NEAR_M
        moving = np.flatnonzero(near & (speed > MOVING_MPS))
        if len(moving):
            return Clip(drive, scans, positions[random.choice(moving)] + random.uniform(-8.0, 8.0, 2))
        if random.random() < WITHOUT_MOTION:
            return Clip(drive, scans, drive.own[middle] + random.uniform(-10.0, 10.0, 2))


def stored(drive: TrafficDrive) -> Drive:
    """What the training needs of a simulated drive."""
    points, objects = [], []
    for scan in drive.scans:
        near = (np.abs(scan.points[:, :2] - scan.T_world_lidar[:2, 3]) < REACH_M).all(axis=1)
        points.append(scan.points[near, :2])
        objects.append(scan.objects[near])
    return Drive(
        np.vstack(points),
        np.concatenate(objects),
        np.array([len(each) for each in points]),
        np.array([scan.T_world_lidar[:2, 3] for scan in drive.scans]),
        drive.traffic.times_s,
        drive.traffic.boxes,
    )


def prepare(folder: Path, seeds: Sequence[int]) -> list[Path]:
    """The files of the drives of these seeds; missing ones are simulated, in about a second each."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{seed:05d}.npz" for seed in seeds]
    for seed, path in zip(seeds, paths, strict=True):
        if not path.exists():
            temporary = path.with_suffix(".tmp.npz")
            np.savez(temporary, **vars(stored(random_drive(seed))))
            os.replace(temporary, path)
    return paths


def load_drive(path: Path) -> Drive:
    """A drive that `prepare` wrote. Raises ValueError naming a file that is not one."""
    with reading_arrays(path, "a prepared drive") as content:
        return Drive(**{name: content[name] for name in Drive.__dataclass_fields__})
