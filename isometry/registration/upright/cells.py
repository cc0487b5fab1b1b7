"""The occupied cells of a plane, one number each, so that the extent of points costs nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array

HALF = 2**31  # cells to either side of the origin that have numbers of their own


def cell_numbers(points: Array, cell: float) -> NDArray[np.int64]:
    """The number (N,) of the square cell, `cell` metres wide, of each point (N,2)."""
    x, y = np.floor(points / cell).astype(np.int64).T
    return np.asarray(2 * HALF * x + y)


def cell_centres(numbers: NDArray[np.int64], cell: float) -> Array:
    """The centres (N,2) of cells, metres."""
    x, y = np.divmod(numbers + HALF, 2 * HALF)
    return (np.stack([x, y - HALF], axis=-1) + 0.5) * cell
