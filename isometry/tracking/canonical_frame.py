"""A direction that turns with a scan. Results computed in this frame turn with the scan, also on grids.

Source: frame averaging (Puny et al., "Frame Averaging for Invariant and Equivariant Network Design", ICLR 2022) with
a frame of one element: all that is computed in it is exactly equivariant, at no further cost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry.planar import rotations

HARMONICS = 8  # a scan that is the same after each turn by 1/2, 1/3, ... 1/8 still has a direction up to such turns
FAINTEST = 1e-3  # of a harmonic against the largest possible one: rounding to float32 leaves far less


def canonical_yaw(points: NDArray[np.floating]) -> float:
    """Direction in radians that turns about z exactly as the points (N,2 or more; finite) are turned about the origin.

    It points from the origin to the centre of gravity, so that single points change it little. Where that centre is at
    the origin, as in a round room, the first higher harmonic that is not zero gives the direction, up to the turns
    under which this harmonic is the same. 0 where all harmonics are zero: such points have no direction.
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
