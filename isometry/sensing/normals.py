"""Normals of the surfaces in a depth image, a pixel each."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array

REACH = 3
"""Pixels to each side of the window in which a plane is fitted."""
BENT = 0.01
"""Root mean square of the inverse depths from the plane, as a part of their mean, above which a window shows a step."""


def normals(depth: NDArray[np.floating], matrix: Array) -> NDArray[np.float32]:
    """Unit normals (H,W,3) towards the camera, in its optical frame; NaN where none is known.

    `depth` (H,W) is in metres, 0 where nothing was measured, of a camera (3,3) without distortion. A normal is known
    where the whole window around its pixel was measured and shows one surface.

    On a plane the inverse of the depth is linear in the pixel, 1/z = a u + b v + c, and the normal is along K^T (a, b,
    c): a least-squares fit of a, b and c is exact there, and in a window that is full its terms are independent.
    """
    measured = depth > 0.0
    inverse = np.divide(1.0, depth, out=np.zeros(depth.shape), where=measured)
    offsets = np.arange(-REACH, REACH + 1.0)
    even, spread = np.full(len(offsets), 1.0 / len(offsets)), float(np.mean(offsets**2))
    slope = offsets / (len(offsets) * spread)

    def filtered(image: Array, along: Array, down: Array) -> Array:
        return np.asarray(cv2.sepFilter2D(image, cv2.CV_64F, along, down, borderType=cv2.BORDER_CONSTANT))

    full = filtered(measured.astype(np.float64), even, even) > 1.0 - 1e-6
    mean, a, b = filtered(inverse, even, even), filtered(inverse, slope, even), filtered(inverse, even, slope)
    from_plane = filtered(inverse**2, even, even) - mean**2 - (a**2 + b**2) * spread
    known = full & (from_plane <= (BENT * mean) ** 2)
    v, u = np.mgrid[: depth.shape[0], : depth.shape[1]]
    along_normal = -np.stack([a, b, mean - a * u - b * v], axis=2) @ matrix
    along_normal[~known] = np.nan
    unit: Array = along_normal / np.linalg.norm(along_normal, axis=2, keepdims=True)
    return unit.astype(np.float32)
