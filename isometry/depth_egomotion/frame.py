"""A frame without the distortion of lenses, with the depth in the view of the colour camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.depth_egomotion.types import CameraFrame
from isometry.sensing.depth_registration import registered

EVEN = 2.0  # grey values, the standard deviation of an image in which nothing can be seen


@dataclass(frozen=True, eq=False)
class RectifiedFrame:
    """Colour and depth of one ideal camera."""

    colour: NDArray[np.uint8]  # (H,W,3)
    grey: NDArray[np.uint8]  # (H,W)
    depth: NDArray[np.float32] | None  # (H,W) metres along the optical axis, 0 where nothing was measured
    matrix: Array  # (3,3) pixels

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.grey.shape
        return rows, columns


def rectified(frame: CameraFrame) -> RectifiedFrame:
    """The frame as an ideal camera would have seen it, with the same matrix as the colour camera.

    Depth of a camera of its own is moved into the view of the colour. Raises ValueError for images of another size
    than their camera's.
    """
    camera, depth = frame.camera, None
    check_size("the colour image", frame.colour, camera.shape)
    colour = frame.colour
    if camera.distortion:
        columns, rows = camera.positions
        colour = np.asarray(cv2.remap(colour, columns, rows, cv2.INTER_LINEAR), np.uint8)
    if frame.depth is not None:
        depth_camera = frame.depth_camera or camera
        name = "the depth image" + ("" if frame.depth_camera else ", which should be registered to the colour,")
        check_size(name, frame.depth, depth_camera.shape)
        depth = depth_camera.without_distortion(frame.depth)
        if frame.depth_camera is not None:
            depth = registered(depth, depth_camera.matrix, frame.T_colour_depth, camera.matrix, camera.shape)
        depth = depth.astype(np.float32)
    grey = np.asarray(cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY), np.uint8)
    return RectifiedFrame(colour, grey, depth, camera.matrix)


def check_size(what: str, image: NDArray[np.generic], shape: tuple[int, int]) -> None:
    """Raise ValueError, beginning with `what`, for an image (H,W,...) of another size than `shape`."""
    if image.shape[:2] != shape:
        size = f"{image.shape[1]}x{image.shape[0]}"
        raise ValueError(f"{what} is {size}, and its camera is of {shape[1]}x{shape[0]}")
