"""The ground under a robot, and the cloud without it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEWEST_GROUND_POINTS = 200
BAND_METRES = 0.12  # above the expected height, within which points are taken for ground
CLEARANCE_METRES = 0.25  # above the plane, below which points are removed


def without_ground(points: NDArray[np.floating], height: float) -> NDArray[np.floating]:
    """The points (M,3) of a level cloud (N,3) in metres that stand clear of the ground.

    `height` is z of the ground under the robot. A plane is fitted to the points below that, and points less than
    `CLEARANCE_METRES` above the plane are removed. A cloud with almost no points there is returned unchanged: its
    ground was removed before.
    """
    z = points[:, 2]
    low = z < height + BAND_METRES
    if np.count_nonzero(low) < FEWEST_GROUND_POINTS:
        return points
    ground = np.flatnonzero(low & (z > height - 1.0))
    slope_x, slope_y, offset = _plane(points[ground[:: max(1, len(ground) // 4000)]], height)
    above = z - (slope_x * points[:, 0] + slope_y * points[:, 1] + offset)
    return np.compress(above > CLEARANCE_METRES, points, axis=0)


def _plane(ground: NDArray[np.floating], height: float) -> tuple[float, float, float]:
    """Least-squares plane z = a x + b y + c through ground points (N,3), reweighted three times against outliers."""
    chosen = ground.astype(np.float64)
    design = np.column_stack([chosen[:, :2], np.ones(len(chosen))])
    solution = np.array([0.0, 0.0, height])
    for _ in range(3):
        residual = chosen[:, 2] - design @ solution
        weight = 1.0 / (1.0 + (residual / 0.1) ** 2)
        weighted = design * weight[:, None]
        solution = np.linalg.lstsq(weighted.T @ design, weighted.T @ chosen[:, 2], rcond=None)[0]
    return float(solution[0]), float(solution[1]), float(solution[2])
