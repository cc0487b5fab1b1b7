"""The lying surfaces of a map: at which heights the floors of a scan lie on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from isometry.arrays import Array
from isometry.registration.upright.cells import cell_numbers
from isometry.registration.upright.proposer import CELL

HEIGHT_STEP = 2.0  # of floors, in units of the map's resolution
WORSE_HEIGHT = 0.7  # share of the best height from which another one may be a rival
WORSE_STOREY = 0.4  # share of the floors as high as those of the scan, and of the step from storey to storey
FLOOR_CELLS = 150  # cells of a scan that are compared with the map


class MapFloors:
    """Where a map has lying surfaces: cells in the plane, each with the steps of height that are filled."""

    def __init__(self, points: Array, resolution: float) -> None:
        """Points (N,3) in metres, z up."""
        self.cell, self.step = CELL * resolution, HEIGHT_STEP * resolution
        self.columns, column = np.unique(cell_numbers(points[:, :2], self.cell), return_inverse=True)
        z = self._steps(points[:, 2])
        self.lowest = int(z.min(initial=0))
        self.levels = int(z.max(initial=0)) - self.lowest + 1
        self.filled = np.unique(column * self.levels + z - self.lowest)

    def heights(self, floors: Array) -> Array:
        """Shifts (S,) along z in metres at which most lying points (N,3) of a scan lie on floors, and as good ones.

        None where the scan or the map has no floors there.
        """
        if not len(self.columns) or not len(floors):
            return np.zeros(0)
        floors = floors[np.unique(cell_numbers(floors[:, :2], self.cell), return_index=True)[1]]
        floors = floors[:: len(floors) // FLOOR_CELLS + 1]
        numbers = cell_numbers(floors[:, :2], self.cell)
        column = np.minimum(np.searchsorted(self.columns, numbers), len(self.columns) - 1)
        known = self.columns[column] == numbers
        z = self._steps(floors[known, 2]) - self.lowest
        if not len(z):
            return np.zeros(0)
        shifts = np.arange(-int(z.max()), self.levels - int(z.min()))
        moved = z[:, None] + shifts
        inside = (moved >= 0) & (moved < self.levels)
        wanted = column[known, None] * self.levels + moved
        nearest = np.minimum(np.searchsorted(self.filled, wanted), len(self.filled) - 1)
        on_floor = (inside & (self.filled[nearest] == wanted)).sum(axis=0)
        smooth = np.convolve(np.pad(on_floor, 1), [0.5, 1.0, 0.5], mode="same")
        peak = (smooth[1:-1] >= smooth[:-2]) & (smooth[1:-1] > smooth[2:])
        return np.asarray(shifts[peak & (smooth[1:-1] >= WORSE_HEIGHT * smooth.max())] * self.step)

    def storeys(self, floors: Array) -> Array:
        """Shifts (S,) along z in metres at which lying points (N,3) of a scan are as high as floors of the map.

        Wherever in the plane those are. On hilly ground, without steps from one to the next, there is one at most.
        """
        if not len(self.columns) or not len(floors):
            return np.zeros(0)
        floors = floors[np.unique(cell_numbers(floors[:, :2], self.cell), return_index=True)[1]]
        z = self._steps(floors[:, 2])
        of_map = np.bincount(self.filled % self.levels, minlength=self.levels).astype(float)
        agreement = np.correlate(of_map, np.bincount(z - z.min()), "full")
        least = WORSE_STOREY * agreement.max()
        peaks = find_peaks(np.pad(agreement, 1), height=least, prominence=least)[0] - 1
        return np.asarray((peaks - (int(z.max()) - int(z.min())) + self.lowest - int(z.min())) * self.step)

    def _steps(self, z: Array) -> NDArray[np.int64]:
        return np.asarray(np.floor(z / self.step), np.int64)
