"""A map at several resolutions, thinned when it is loaded, so that a scan of any extent finds it at its own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import small_gicp
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.registration.preprocessing import COARSEST_METRES, FINEST_METRES, STEPS_PER_OCTAVE
from isometry.registration.upright.cells import cell_numbers

STEP = 2.0 ** (1.0 / STEPS_PER_OCTAVE)  # between two resolutions
MOST_THINNED_METRES = 0.8  # of the coarsest level, for regions with too many points
MOST_POINTS = 10_000_000  # of the finest level: 200 MB
LEAST_DENSER = 1.2  # points of a level over those of the next coarser one; with fewer, the map has no finer details
MOST_COARSER = STEP**3  # resolution of a level over that of a scan that is compared with it
CHUNK = 4_000_000  # points thinned at a time
CELL_RESOLUTIONS = 20.0  # of the index of a level


class MapLevel:
    """A map thinned to one resolution, with an index by cells of its y-z plane: its canonical frame is thin along x."""

    def __init__(self, points: Array, resolution: float) -> None:
        """`points` (N,3) in metres, spaced `resolution` metres apart."""
        self.resolution, self._cell = resolution, CELL_RESOLUTIONS * resolution
        numbers = cell_numbers(points[:, 1:], self._cell)
        order = np.argsort(numbers, kind="stable")
        self.points, self._numbers = points[order].astype(np.float32), numbers[order]  # float32: to 1 mm at 10 km

    def within(self, centre: Array, radius: float) -> Array:
        """The points (M,3) within `radius` metres of `centre` (3,)."""
        y, z = centre[1:]
        rows = np.arange(np.floor((y - radius) / self._cell), np.floor((y + radius) / self._cell) + 1.0)
        first, last = (  # the cells of one row are numbered one after the other
            cell_numbers(np.column_stack([(rows + 0.5) * self._cell, np.full(len(rows), end)]), self._cell)
            for end in (z - radius, z + radius)
        )
        starts = np.searchsorted(self._numbers, first)
        stops = np.searchsorted(self._numbers, last, side="right")
        rows_points = [self.points[start:stop] for start, stop in zip(starts, stops, strict=True)]
        points = np.concatenate(rows_points).astype(np.float64)
        inside: Array = points[np.square(points - centre).sum(axis=1) <= radius**2]
        return inside


class MapLevels:
    """Levels at the resolutions that scans are prepared at, from the finest that the map is dense enough for."""

    def __init__(self, points: Array, resolution: float = 0.0) -> None:
        """`points` (N,3) in metres; `resolution`: that of all scans, 0 where each has its own."""
        thinned = [(_thinned(points, resolution), resolution)] if resolution else _levels(points)
        self.levels = [MapLevel(*level) for level in thinned]

    def at(self, resolution: float) -> MapLevel:
        """The level for scans of a resolution: the coarsest that is not coarser, or the finest of all."""
        fitting = [level for level in self.levels if level.resolution <= resolution * 1.001]
        return fitting[-1] if fitting else self.levels[0]

    def suits(self, resolution: float) -> bool:
        """Whether the map is fine enough for scans of a resolution: hardly anything is left of one in a coarse map."""
        return bool(self.at(resolution).resolution <= MOST_COARSER * resolution * 1.001)

    def thinned_to(self, most: int, resolution: float) -> MapLevel:
        """The level for scans of a resolution, or the first coarser one that suits them with at most `most` points."""
        first = self.levels.index(self.at(resolution))
        suiting = [level for level in self.levels[first:] if level.resolution <= MOST_COARSER * resolution * 1.001]
        few = (level for level in suiting if len(level.points) <= most)
        return next(few, (suiting or self.levels[first : first + 1])[-1])

    def within(self, centre: Array, radius: float, resolution: float, most: int) -> tuple[Array, float]:
        """The points (M,3) within `radius` metres of `centre` (3,), and the resolution of their level.

        It is the level for scans of a resolution, or a coarser one that suits them where there are more than `most`
        points. A map that does not suit them has no points.
        """
        points, found = np.zeros((0, 3)), resolution
        for level in self.levels[self.levels.index(self.at(resolution)) :]:
            if level.resolution > MOST_COARSER * resolution * 1.001:
                break
            points, found = level.within(centre, radius), level.resolution
            if len(points) <= most:
                break
        return points, found


def _levels(points: Array) -> list[tuple[Array, float]]:
    """Points and resolution of each level, the finest first."""
    count = len(_thinned(points, COARSEST_METRES))
    steps = np.floor(np.log(MOST_POINTS / count) / np.log(STEP) / 2.0)  # half the spacing, four times as many
    finest = float(max(COARSEST_METRES / STEP**steps, FINEST_METRES))
    levels = [(_thinned(points, finest), finest)]
    while levels[-1][1] < MOST_THINNED_METRES / 1.001 or len(levels[-1][0]) > MOST_POINTS:
        resolution = levels[-1][1] * STEP
        levels.append((_thinned(levels[0][0], resolution), resolution))
    counts = [len(level[0]) for level in levels]
    denser = [count > LEAST_DENSER * coarser for count, coarser in pairwise(counts)]
    usable = [k for k, count in enumerate(counts) if count <= MOST_POINTS and all(denser[k:][:1])]
    return levels[usable[0] :]


def _thinned(points: NDArray[np.floating], resolution: float) -> Array:
    """Points spaced `resolution` metres apart; many are thinned in parts first, which needs less memory."""
    if len(points) > CHUNK:
        parts = [points[start : start + CHUNK] for start in range(0, len(points), CHUNK)]
        points = np.concatenate([_thinned(part, resolution) for part in parts])
    return np.asarray(small_gicp.voxelgrid_sampling(np.asarray(points, np.float64), resolution).points())[:, :3]
