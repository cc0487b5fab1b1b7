"""The objects drawn into the image in which they were found."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.rendering import Window, rays_through, window_of

GOLDEN = 0.5 * (5.0**0.5 - 1.0)  # hues that many turns apart differ most, however many there are
TINT = 0.35  # share of the colour of an object in its pixels
OUTLINE = 2  # pixels


def hue(number: int) -> tuple[float, float, float]:
    """A colour, red, green and blue from 0 to 1, that differs from those of the numbers near it."""
    return colorsys.hsv_to_rgb(number * GOLDEN % 1.0, 0.8, 1.0)


def drawn(colour: NDArray[np.uint8], camera: Array, objects: Iterable[tuple[ObjectModel, Array]]) -> NDArray[np.uint8]:
    """A copy of an image (H,W,3) of a camera (3,3) with the silhouettes of models at poses T_camera_object (4,4)."""
    image = colour.copy()
    for number, (model, T_camera_object) in enumerate(objects):
        window = _window(model, camera, T_camera_object, colour.shape[:2])
        if window is None:
            continue
        depth = model.renderer.depth(T_camera_object, rays_through(camera, window.pixels()))
        shown = (depth > 0.0).reshape(window.rows, window.columns)
        edge = ndimage.binary_dilation(shown, iterations=OUTLINE) & ~shown
        top, left = int(window.top), int(window.left)
        part = image[top : top + window.rows, left : left + window.columns]
        paint = np.round(255.0 * np.array(hue(number)))
        part[shown] = np.round((1.0 - TINT) * part[shown] + TINT * paint)
        part[edge] = paint
    return image


def _window(model: ObjectModel, camera: Array, T_camera_object: Array, shape: tuple[int, ...]) -> Window | None:
    """The pixels in which an object can be seen; None where it is outside of the image or behind the camera."""
    points = se3.apply(T_camera_object, model.mesh.vertices)
    if points[:, 2].min() <= 0.0:
        return None
    return window_of(points, camera, shape, OUTLINE)
