"""Bird's-eye images of a cloud: how many voxels are occupied above each cell of the ground plane."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array


@dataclass(frozen=True)
class BirdsEyeGrid:
    """A square grid centred on the robot. Only its inscribed disc is used, so that a turn moves no cell out of it.

    An even number of cells keeps it symmetric under turns by 90 degrees.

    Row i covers x in [(i - size/2) cell, (i + 1 - size/2) cell); column j covers y the same way. x forward, y left.
    """

    size: int = 128  # cells along x and along y
    cell: float = 0.4  # metres; also the height of a voxel
    lowest: float = -4.0  # metres; points below are left out
    levels: int = 40  # voxels above `lowest`; points above them are left out
    cap: int = 10  # largest value of an image

    @property
    def half_width(self) -> float:
        """Metres from the centre to the border."""
        return self.size * self.cell / 2.0

    def disc(self) -> NDArray[np.bool_]:
        """Mask (size, size) of the cells whose centre lies in the inscribed disc."""
        x = self.centres()
        return np.asarray(x[:, None] ** 2 + x[None, :] ** 2 <= self.half_width**2)

    def centres(self) -> Array:
        """Coordinates (size,) in metres of the cells' centres along either axis."""
        return np.asarray((np.arange(self.size) + 0.5) * self.cell - self.half_width, dtype=np.float64)


def birds_eye_image(points: NDArray[np.floating], grid: BirdsEyeGrid) -> NDArray[np.uint8]:
    """Occupancy image (size, size) of points (N,3) in metres in a level frame. Source: BEVPlace (Luo et al., 2023).

    Turning the points by 90 degrees about z turns the image by np.rot90, exactly, unless a point lies on a border of
    a cell. Points outside of the disc and points that are not finite are ignored.
    """
    shape = (grid.size, grid.size, grid.levels)
    first = (-(grid.size // 2), -(grid.size // 2), math.floor(grid.lowest / grid.cell))
    with np.errstate(invalid="ignore"):
        voxel = [np.floor(points[:, axis] / grid.cell) - first[axis] for axis in range(3)]
    inside = np.logical_and.reduce([(voxel[axis] >= 0) & (voxel[axis] < shape[axis]) for axis in range(3)])
    occupied = np.zeros(shape, dtype=bool)
    occupied[tuple(np.compress(inside, index).astype(np.int32) for index in voxel)] = True
    image = np.minimum(occupied.sum(axis=2), grid.cap).astype(np.uint8)
    return np.asarray(image * grid.disc())
