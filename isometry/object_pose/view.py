"""What is seen in one image, and what a detector says of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Flags
from isometry.object_pose.types import ObjectPose
from isometry.sensing.cameras import Camera
from isometry.sensing.depth_registration import registered


@dataclass(frozen=True, eq=False)
class View:
    """Colour and depth in one ideal camera."""

    colour: NDArray[np.uint8]  # (H,W,3)
    depth: Array  # (H,W) metres, 0 where nothing was measured
    camera: Camera  # the colour camera; images that come with it may be distorted


@dataclass(frozen=True, eq=False)
class Found:
    """What a detector says of an object, in the ideal camera."""

    name: str  # of the object
    region: Flags  # (H,W) pixels
    exact: bool  # whether the pixels are the object's, and not of a box around it
    tag: str = ""  # the detector's own name of this object, the same from image to image
    reason: str = ""  # why it cannot be used, one of `REASONS`; its region is empty then
    pose: ObjectPose | None = None  # where it was found by its pose


def view_of(
    colour: NDArray[np.uint8],
    camera: Camera,
    depth: Array,
    depth_camera: Camera | None,
    T_colour_depth: Array,
) -> View:
    """Colour (H,W,3) and depth (h,w) in metres as one view without distortion.

    `depth_camera` and `T_colour_depth` (4,4) are those of the depth image; None where the depth is registered to the
    colour already. Raises ValueError for an image that is not of its camera's size.
    """
    _check_size("colour image", colour, camera)
    if depth_camera is None:
        _check_size("depth image, which should be registered to the colour,", depth, camera)
        seen = camera.without_distortion(depth)
    else:
        _check_size("depth image", depth, depth_camera)
        straight = depth_camera.without_distortion(depth)
        seen = registered(straight, depth_camera.matrix, T_colour_depth, camera.matrix, camera.shape)
    return View(camera.without_distortion(colour), seen, camera)


def _check_size(what: str, image: NDArray[np.generic], camera: Camera) -> None:
    if image.shape[:2] != camera.shape:
        size = f"{image.shape[1]}x{image.shape[0]}"
        raise ValueError(f"the {what} is {size}, and its camera_info is of {camera.width}x{camera.height}")
