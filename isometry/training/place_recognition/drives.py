"""A recorded drive as training data: bird's-eye columns that can be turned by any yaw, and the pose of each scan."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from isometry.arrays import Array
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.geometry.planar import rotations
from isometry.sensing.birds_eye import BirdsEyeGrid, birds_eye_image
from isometry.sensing.ground import without_ground


@dataclass(frozen=True)
class Augmentation:
    """How a scan is changed beyond its yaw: parts of it are hidden, as they would be on another day."""

    dropped_cells: float = 0.25  # at most this share of the cells is lost
    hidden_sector: float = 0.15  # at most this share of the circle is hidden, with probability one half


class Drive:
    """Scans of one drive as columns of occupied voxels, with planar poses. Held in memory, about 10 kB a scan."""

    def __init__(self, images: Iterable[NDArray[np.uint8]], poses: Array, grid: BirdsEyeGrid) -> None:
        """`images` (S,S) from `birds_eye_image`, one a pose; `poses` (N,4,4) T_world_base."""
        self.grid = grid
        self.columns = []
        centres = grid.centres()
        for image in images:
            row, column = np.nonzero(image)
            xy = np.column_stack([centres[row], centres[column]]).astype(np.float32)
            self.columns.append((xy, image[row, column]))
        self.position = poses[:, :2, 3]  # metres, x-y
        self.yaw = np.arctan2(poses[:, 1, 0], poses[:, 0, 0])
        self._tree = cKDTree(self.position)

    def __len__(self) -> int:
        return len(self.columns)

    def part(self, frames: range) -> Drive:
        """Some frames of this drive as a drive."""
        chosen = copy.copy(self)
        chosen.columns = [self.columns[k] for k in frames]
        chosen.position, chosen.yaw = self.position[frames], self.yaw[frames]
        chosen._tree = cKDTree(chosen.position)
        return chosen

    def near(self, frame: int, radius: float) -> NDArray[np.int64]:
        """Frames within `radius` metres of a frame, itself left out."""
        found = np.array(self._tree.query_ball_point(self.position[frame], radius), dtype=np.int64)
        return found[found != frame]

    def pairs_within(self, radius: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All pairs of frames, each once, within `radius` metres of each other."""
        pairs = self._tree.query_pairs(radius, output_type="ndarray")
        return pairs[:, 0], pairs[:, 1]

    def render(
        self, frame: int, turn: float, random: np.random.Generator, augmentation: Augmentation | None
    ) -> NDArray[np.uint8]:
        """Image (S,S) of a frame turned counter-clockwise by `turn` radians, each cell's content jittered within it."""
        xy, count = self.columns[frame]
        xy = xy + random.uniform(-0.5, 0.5, xy.shape).astype(np.float32) * self.grid.cell
        if augmentation is not None:
            keep = random.random(len(xy)) >= random.uniform(0.0, augmentation.dropped_cells)
            if random.random() < 0.5:
                start, width = random.uniform(-np.pi, np.pi), random.uniform(0.0, augmentation.hidden_sector)
                keep &= (np.arctan2(xy[:, 1], xy[:, 0]) - start) % (2.0 * np.pi) >= 2.0 * np.pi * width
            xy, count = xy[keep], count[keep]
        turned = xy @ rotations(turn).T.astype(np.float32)
        index = np.floor(turned / self.grid.cell).astype(int) + self.grid.size // 2
        inside = np.all((index >= 0) & (index < self.grid.size), axis=1)
        image = np.zeros((self.grid.size, self.grid.size), np.uint8)
        np.maximum.at(image, tuple(index[inside].T), count[inside])
        return image * self.grid.disc()


def load_drive(
    dataset: KittiOdometry,
    frames: slice,
    ground_height: float,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Drive:
    """Some frames of a sequence as training data; `ground_height` in metres in the LiDAR frame."""
    grid = BirdsEyeGrid()
    rows = range(len(dataset))[frames]
    clouds = (without_ground(dataset.scan(k)[:, :3], ground_height) for k in progress(rows))
    return Drive((birds_eye_image(cloud, grid) for cloud in clouds), dataset.poses[rows], grid)
