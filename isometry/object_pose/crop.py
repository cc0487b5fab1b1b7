"""The part of an image around an object: a small grid of pixels for comparison with views, and the measured points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from isometry.arrays import Array, Flags
from isometry.object_pose.masks import bounds
from isometry.object_pose.rendering import Window, rays_through
from isometry.object_pose.types import Observation

MARGIN = 0.2  # of the mask's larger side, on each side: there the background is seen
MOST_MEASURED = 2000  # points by which an extent is measured
EDGE = 1  # pixels at the border of the mask whose depth is often that of the background, or between both


@dataclass(frozen=True, eq=False)
class Crop:
    """N pixels around an object, row by row."""

    window: Window
    rays: Array  # (N,3) in the camera's frame, with z = 1
    depth: Array  # (N,) metres, 0 where nothing was measured
    inside: Flags  # (N,) pixels of the mask
    known: Flags  # (N,) pixels in the image
    colours: Array  # (N,3) 0 to 1, means over the pixels between those of the grid
    metres_per_pixel: float  # of the grid, at a depth of one metre


def crop_around(observation: Observation, size: int) -> Crop:
    """The pixels around the mask, at most `size` of them in a row or column. Raises ValueError for an empty mask."""
    height, width = observation.mask.shape
    outermost = bounds(observation.mask)
    if outermost is None:
        raise ValueError("a mask without pixels")
    width_of_mask, height_of_mask = outermost.right - outermost.left, outermost.bottom - outermost.top
    margin = MARGIN * max(width_of_mask, height_of_mask)
    left, top = outermost.left - margin, outermost.top - margin
    across, down = width_of_mask + 2.0 * margin, height_of_mask + 2.0 * margin
    step = max(max(across, down) / (size - 1), 1.0)
    window = Window(left, top, int(across / step) + 1, int(down / step) + 1, step)
    pixels = np.round(window.pixels()).astype(np.intp)
    known = np.all((pixels >= 0) & (pixels < [width, height]), axis=1)
    u, v = np.clip(pixels, 0, [width - 1, height - 1]).T
    measured = np.nan_to_num(observation.depth[v, u], nan=0.0, posinf=0.0)
    side = round(step)
    part = observation.colour[v.min() : v.max() + 1, u.min() : u.max() + 1] / 255.0
    # as a camera with pixels of this size would have seen them
    smooth = ndimage.uniform_filter(part, (side, side, 1)) if side > 1 else part
    return Crop(
        window,
        rays_through(observation.camera, pixels.astype(np.float64)),
        np.where(known, measured, 0.0),
        known & observation.mask[v, u],
        np.asarray(known),
        smooth[v - v.min(), u - u.min()],
        step / float(observation.camera[0, 0]),
    )


def measured_points(observation: Observation, reach: float, count: int) -> Array:
    """At most `count` points (P,3) in the camera's frame, measured on the object, within `reach` metres of its depth.

    The border of the mask is left out where enough is left without it.
    """
    depth = np.nan_to_num(observation.depth, nan=0.0, posinf=0.0)
    valid = observation.mask & (depth > 0.0)
    core = valid & ndimage.binary_erosion(observation.mask, iterations=EDGE)
    valid = core if 2 * core.sum() > valid.sum() else valid
    v, u = np.nonzero(valid)
    if len(v) == 0:
        return np.zeros((0, 3))
    z = depth[v, u]
    near = np.abs(z - np.median(z)) < reach
    u, v, z = u[near], v[near], z[near]
    chosen = np.random.default_rng(0).permutation(len(u))[:count]
    pixels = np.column_stack([u, v])[chosen].astype(np.float64)
    return rays_through(observation.camera, pixels) * z[chosen, None]


def extent(points: Array) -> float:
    """Twice the distance in metres of nearly all points (N,3) from their median; 0 of none."""
    if len(points) == 0:
        return 0.0
    points = points[:: len(points) // MOST_MEASURED + 1]
    return 2.0 * float(np.percentile(np.linalg.norm(points - np.median(points, axis=0), axis=1), 90))
