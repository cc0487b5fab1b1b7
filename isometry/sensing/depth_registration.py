"""Depth as another camera would have measured it: from the depth camera into the view of the colour camera."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array

ROUNDING = 1e-6  # pixels, so that what is on the border of two is always in the same one


def registered(
    depth: Array, depth_matrix: Array, T_colour_depth: Array, colour_matrix: Array, shape: tuple[int, int]
) -> Array:
    """Depth (H,W) of `shape`, metres along the colour camera's axis; 0 where nothing was measured.

    `depth` (h,w) in metres, of a camera (3,3) without distortion; so is the colour camera. Of several readings in one
    pixel the nearest counts. Where the colour image has more pixels, a reading fills as many as it covers.
    """
    # homogeneous pixels of the colour image are z (A [u, v, 1]) + b
    A = colour_matrix @ T_colour_depth[:3, :3] @ np.linalg.inv(depth_matrix)
    b = colour_matrix @ T_colour_depth[:3, 3]
    u, v = np.arange(depth.shape[1]), np.arange(depth.shape[0])[:, None]
    z = depth * (A[2, 0] * u + (A[2, 1] * v + A[2, 2])) + b[2]
    measured = (depth > 0.0) & (z > 0.0)
    z[~measured] = 1.0
    column, row = ((depth * (A[k, 0] * u + (A[k, 1] * v + A[k, 2])) + b[k]) / z for k in (0, 1))
    side = max(int(np.ceil(colour_matrix[0, 0] / depth_matrix[0, 0] - 1e-6)), 1)
    height, width = shape
    nearest = np.full(height * width, np.inf)
    first = 1.0 - 0.5 * side + ROUNDING
    for down in range(side):
        for right in range(side):
            c, r = np.floor(column + (right + first)), np.floor(row + (down + first))
            inside = measured & (c >= 0) & (c < width) & (r >= 0) & (r < height)
            np.minimum.at(nearest, (r[inside] * width + c[inside]).astype(np.intp), z[inside])
    return np.where(np.isfinite(nearest), nearest, 0.0).reshape(shape)
