"""Free space along the rays of a sensor: points of another cloud that lie in it contradict a transform."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from isometry.arrays import Array

CELLS = 96  # along each side of the octahedral image: about two degrees
RELATIVE_MARGIN = 0.03  # of the range: its error on a slanted surface, by the error of a direction


class VisibleRange:
    """The nearest range measured around each direction from a viewpoint, as an octahedral image.

    The octahedral map (Praun and Hoppe, 2003) unfolds the sphere to a square with cells of similar size everywhere; no
    axis of the sensor is special.
    """

    def __init__(self, points: Array, viewpoint: Array) -> None:
        """`points` (N,3) measured from `viewpoint` (3,), metres."""
        self.viewpoint = viewpoint
        rays = points - viewpoint
        ranges = np.linalg.norm(rays, axis=1)
        image = np.full(CELLS * CELLS, np.inf, np.float32)
        np.minimum.at(image, _octahedral_cell(rays), ranges.astype(np.float32))
        self._measured = np.isfinite(image)
        # the nearest of nine cells, as the space between measured directions need not be free
        self._nearest = minimum_filter(image.reshape(CELLS, CELLS), size=3).ravel()

    def seen_through(self, points: Array, margin: float | Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether each point (...,3) is in front of all measured around its direction, and whether any were measured.

        It must be in front by at least `margin` metres, one or (...).
        """
        rays = points - self.viewpoint
        ranges = np.sqrt(np.einsum("...i,...i->...", rays, rays))
        nearest = self._nearest[_octahedral_cell(rays)]
        known = np.isfinite(nearest)
        return known & (ranges * (1.0 + RELATIVE_MARGIN) + margin < nearest), known

    def measured(self, points: Array) -> NDArray[np.bool_]:
        """Whether a range was measured in the direction of each point (...,3) itself, not only beside it.

        At the edge of the field of view, what is beside says little of a surface that the rays meet at a flat angle.
        """
        return np.asarray(self._measured[_octahedral_cell(points - self.viewpoint)])


def _octahedral_cell(rays: Array) -> NDArray[np.int64]:
    """Index (...) of the cell of each direction (...,3), of any length."""
    length = np.maximum(np.abs(rays).sum(axis=-1), 1e-12)
    u, v = rays[..., 0] / length, rays[..., 1] / length
    below = rays[..., 2] < 0.0
    folded_u = np.where(below, (1.0 - np.abs(v)) * np.where(u < 0.0, -1.0, 1.0), u)
    folded_v = np.where(below, (1.0 - np.abs(u)) * np.where(v < 0.0, -1.0, 1.0), v)
    row = np.minimum(((folded_u + 1.0) * (0.5 * CELLS)).astype(np.int64), CELLS - 1)
    column = np.minimum(((folded_v + 1.0) * (0.5 * CELLS)).astype(np.int64), CELLS - 1)
    return np.asarray(row * CELLS + column)
