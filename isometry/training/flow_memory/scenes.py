"""Simulated drives through traffic that the flow memory is trained on: seen by a LiDAR, with the true motion of all."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.simulation.traffic.scans import TrafficDrive, random_drive
from isometry.tracking.memory.flow_cells import FlowGrid, OccupiedCells, occupied_cells

REACH_M = 44.0  # around the sensor, along either axis


@dataclass(frozen=True)
class Scene:
    """A drive as it is stored: what the sensor saw above the ground, seen from above. T scans of A objects."""

    points: NDArray[np.float32]  # (N,2) metres in the world, scan after scan
    objects: NDArray[np.int16]  # (N,) number of the object that each lies on; -1: it stands for good
    counts: NDArray[np.int64]  # (T,) points of each scan
    own: Array  # (T,2) where the sensor was
    times_s: Array  # (T,)
    boxes: Array  # (T,A,7) in the world; NaN while absent

    def cells(self, k: int, centre: Array, grid: FlowGrid) -> tuple[OccupiedCells, NDArray[np.int64]]:
        """The occupied cells of the k-th scan, and the object (K,) that each shows; -1: it stands for good."""
        rows = slice(int(self.counts[:k].sum()), int(self.counts[: k + 1].sum()))
        cells = occupied_cells(self.points[rows], centre, grid)
        shown = np.full(len(cells), -1)
        inside = (cells.of_points >= 0) & (self.objects[rows] >= 0)
        shown[cells.of_points[inside]] = self.objects[rows][inside]
        return cells, shown

    def velocities(self, k: int, before: int) -> Array:
        """Mean velocities (A,2) in metres a second of all objects between two scans; NaN where one was absent."""
        moved = self.boxes[k, :, :2] - self.boxes[before, :, :2]
        return np.asarray(moved / (self.times_s[k] - self.times_s[before]))


def scene_of(drive: TrafficDrive) -> Scene:
    """What of a drive the memory needs."""
    points, objects = [], []
    for scan in drive.scans:
        near = (np.abs(scan.points[:, :2] - scan.T_world_lidar[:2, 3]) < REACH_M).all(axis=1)
        points.append(scan.points[near, :2])
        objects.append(scan.objects[near])
    return Scene(
        np.vstack(points),
        np.concatenate(objects),
        np.array([len(each) for each in points]),
        np.array([scan.T_world_lidar[:2, 3] for scan in drive.scans]),
        drive.traffic.times_s,
        drive.traffic.boxes,
    )


def prepare(
    folder: Path, seeds: Sequence[int], progress: Callable[[int, int], None] = lambda _done, _total: None
) -> list[Path]:
    """The files of the drives of these seeds; those that are not there are simulated, in about a second each."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{seed:05d}.npz" for seed in seeds]
    for done, (seed, path) in enumerate(zip(seeds, paths, strict=True)):
        if not path.exists():
            temporary = path.with_suffix(".tmp.npz")
            np.savez(temporary, **vars(scene_of(random_drive(seed))))
            os.replace(temporary, path)
        progress(done + 1, len(paths))
    return paths


def load_scene(path: Path) -> Scene:
    """A drive that `prepare` wrote. Raises ValueError naming a file that is none."""
    try:
        with np.load(path) as content:
            return Scene(**{name: content[name] for name in Scene.__dataclass_fields__})
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path}: not a prepared drive") from error
