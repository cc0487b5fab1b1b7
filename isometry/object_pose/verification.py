"""How well poses explain what was seen around an object: its depth and its silhouette, by rendering them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from isometry.arrays import Array
from isometry.object_pose.crop import Crop
from isometry.object_pose.rendering import Renderer

CONTACT = 0.5  # weight of a model's pixel beside the mask at the measured depth: another surface may touch there
BORDER = 2  # pixels of the crop, by which a mask is off
UNMEASURED = 0.7  # agreement of a pixel in silhouette and mask whose depth was not measured


@dataclass(frozen=True, eq=False)
class Agreement:
    """For H poses, shares of the pixels of mask and visible silhouette together."""

    total: Array  # (H,) 0 to 1: both agree, and so does the depth
    silhouette: Array  # (H,) 0 to 1: pixels in both
    depth: Array  # (H,) 0 to 1: mean agreement of the measured depth, of pixels in both


def unexplained(T_camera_object: Array, crop: Crop, renderer: Renderer) -> float:
    """Share of a mask's pixels in areas beside the silhouette of a pose (4,4) that are more than a ragged border."""
    shape = (crop.window.rows, crop.window.columns)
    beside = crop.inside & ~(renderer.depth(T_camera_object, crop.rays) > 0.0)
    areas = ndimage.binary_opening(beside.reshape(shape), iterations=BORDER)
    return float(areas.sum() / max(crop.inside.sum(), 1))


def verify(T_camera_object: Array, crop: Crop, renderer: Renderer, tolerance: float) -> Agreement:
    """Compare poses (H,4,4) with a crop; a depth that is off by `tolerance` metres counts nothing."""
    modelled = renderer.depth(T_camera_object, crop.rays)
    seen, measured = modelled > 0.0, crop.depth > 0.0
    apart = crop.depth - modelled
    close = np.clip(1.0 - np.abs(apart) / tolerance, 0.0, 1.0)
    both = seen & crop.inside
    agreeing = np.where(both, np.where(measured, close, UNMEASURED), 0.0).sum(axis=1)
    # beside the mask the model must be hidden, by something that is nearer, or be outside of the image
    hidden = ~crop.known | (measured & (apart < -tolerance))
    beside = seen & ~crop.inside & ~hidden
    touching = beside & measured & (np.abs(apart) <= tolerance)
    wrong = beside.sum(axis=1) - (1.0 - CONTACT) * touching.sum(axis=1)
    pixels = np.maximum(crop.inside.sum() + wrong, 1.0)
    compared = both & measured
    depth = np.where(compared, close, 0.0).sum(axis=1) / np.maximum(compared.sum(axis=1), 1)
    return Agreement(agreeing / pixels, both.sum(axis=1) / pixels, depth)
