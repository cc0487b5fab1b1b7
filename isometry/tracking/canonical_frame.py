"""A direction that turns with a scan, so that all that is done in its frame turns with the scan too, grids included.

Source: frame averaging (Puny et al., "Frame Averaging for Invariant and Equivariant Network Design", ICLR 2022) with
a frame of one element: whatever is computed in it is exactly equivariant, and costs nothing more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry.planar import rotations

HARMONICS = 8  # a scan that is the same after each turn by 1/2, 1/3, ... 1/8 still has a direction up to such turns
FAINTEST = 1e-3  # of a harmonic against the largest possible one: what rounding to float32 leaves is far below


def canonical_yaw(points: NDArray[np.floating]) -> float:
    """Direction in radians that turns about z exactly as the points (N,2 or more; finite) are turned about the origin.

    It points from the origin to the centre of gravity, and so moves little where a few points do. Where that is at the
    origin, as in a round room, the first higher harmonic of the points that there is gives the direction, up to the
    turns after which the harmonic is the same. 0 where all are too faint: such points have no direction.
    """
    z = points[:, 0].astype(np.float64) + 1j * points[:, 1]
    radius = np.abs(z)
    total = float(radius.sum())
    if not total > 0.0:
        return 0.0
    turning = np.divide(z, radius, out=np.zeros_like(z), where=radius > 0.0)
    for harmonic in range(1, HARMONICS + 1):
        moment = z.sum() / total
        if abs(moment) >= FAINTEST:
            return float(np.angle(moment)) / harmonic
        z = z * turning
    return 0.0


def turned(points: NDArray[np.floating], yaw: float) -> Array:
    """Points (N,2 or 3) in float64, turned about z by `yaw` radians."""
    moved = np.array(points, np.float64)
    moved[:, :2] = moved[:, :2] @ rotations(yaw).T
    return moved
