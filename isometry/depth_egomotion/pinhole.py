"""Points and pixels of an ideal camera, and depth at a pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array

EDGE = 0.03  # relative change of depth around a pixel above which it may be in front or behind
NEAREST_M = 0.05
FAR_AWAY = -1e6  # pixels, where a point behind the camera is said to be


def depth_at(depth: NDArray[np.float32], pixels: NDArray[np.floating]) -> Array:
    """Metres (N,) at pixels (N,2), the median of nine; 0 where the depth is not known or makes a step."""
    rows, columns = depth.shape
    u = np.clip(np.rint(pixels[:, 0]).astype(np.intp), 1, columns - 2)
    v = np.clip(np.rint(pixels[:, 1]).astype(np.intp), 1, rows - 2)
    around = np.stack([depth[v + down, u + right] for down in (-1, 0, 1) for right in (-1, 0, 1)])
    middle = np.median(around, axis=0)
    even = (around.min(axis=0) > 0.0) & (np.ptp(around, axis=0) < EDGE * middle)
    return np.where(even, middle, 0.0).astype(np.float64)


def rays_of(pixels: NDArray[np.floating], matrix: Array) -> Array:
    """Directions (...,3) through pixels (...,2), with a depth of 1 along the optical axis."""
    homogeneous = np.concatenate([pixels, np.ones((*pixels.shape[:-1], 1))], axis=-1)
    return np.asarray(homogeneous @ np.linalg.inv(matrix).T)


def lifted(pixels: NDArray[np.floating], depth: Array, matrix: Array) -> Array:
    """Points (N,3) in metres of pixels (N,2) at a depth (N,) along the optical axis."""
    return np.asarray(rays_of(pixels, matrix) * depth[:, None])


def projected(points: Array, matrix: Array) -> Array:
    """Pixels (N,2) of points (N,3) in the camera's frame; far outside of the image for points behind it."""
    ahead = points[:, 2:] > NEAREST_M
    return np.where(ahead, (points @ matrix.T)[:, :2] / np.where(ahead, points[:, 2:], 1.0), FAR_AWAY)
