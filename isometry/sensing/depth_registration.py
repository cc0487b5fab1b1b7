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
    v, u = np.nonzero(depth > 0.0)
    z = depth[v, u]
    rays = np.stack([u, v, np.ones(len(u))], axis=1) @ np.linalg.inv(depth_matrix).T
    points = (rays * z[:, None]) @ T_colour_depth[:3, :3].T + T_colour_depth[:3, 3]
    points = points[points[:, 2] > 0.0]
    pixels = (points @ colour_matrix.T)[:, :2] / points[:, 2:]
    side = max(int(np.ceil(colour_matrix[0, 0] / depth_matrix[0, 0] - 1e-6)), 1)
    height, width = shape
    nearest = np.full(height * width, np.inf)
    for down in range(side):
        for right in range(side):
            moved = np.floor(pixels + np.array([right, down]) - 0.5 * side + 1.0 + ROUNDING).astype(np.intp)
            inside = np.all((moved >= 0) & (moved < [width, height]), axis=1)
            np.minimum.at(nearest, moved[inside, 1] * width + moved[inside, 0], points[inside, 2])
    return np.where(np.isfinite(nearest), nearest, 0.0).reshape(shape)
