"""How much depth changes when an image is cut out a few pixels further on.

On the torus a shift changes nothing. A real one changes what is at the borders, and with that what attention sees;
where the largest two polyphase components are nearly equal, the border may also decide for another grid.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from isometry.depth_egomotion.depth_model import DepthModel
from isometry.depth_egomotion.frame import rectified
from isometry.evaluation.common.camera_frames import camera_frame
from isometry.evaluation.depth.measure import JudgedFrame
from isometry.sensing.cameras import Camera

SHIFTS = ((0, 1), (1, 0), (3, 5), (8, 8), (13, 2))  # rows and columns, pixels of the image
LARGEST = 16  # pixels of the image that no cut contains at once


def crop_shift(model: DepthModel, frames: Iterable[JudgedFrame]) -> dict[str, float]:
    """Relative changes of depth at the pixels that two cuts of a frame share: `median`, `p99` and `largest`."""
    changes = []
    for frame in frames:
        straight = rectified(camera_frame(frame.recording, frame.k, with_depth=False))
        camera = replace(frame.recording.camera, model="", distortion=())
        first = _depth(model, straight.colour, camera, (0, 0))
        for shift in SHIFTS:
            moved = _depth(model, straight.colour, camera, shift)
            height, width = first.shape[0] - shift[0], first.shape[1] - shift[1]
            changes.append(np.abs(moved[:height, :width] / first[shift[0] :, shift[1] :] - 1.0).ravel())
    every = np.concatenate(changes)
    return {
        "median": float(np.median(every)),
        "p99": float(np.quantile(every, 0.99)),
        "largest": float(every.max()),
    }


def _depth(model: DepthModel, image: NDArray[np.uint8], camera: Camera, corner: tuple[int, int]) -> NDArray[np.float32]:
    """Depth of all of an image but 16 rows and columns, from a corner on."""
    top, left = corner
    height, width = camera.height - LARGEST, camera.width - LARGEST
    matrix = camera.matrix.copy()
    matrix[:2, 2] -= (left, top)
    cut = np.ascontiguousarray(image[top : top + height, left : left + width])
    return model.predict(cut, replace(camera, matrix=matrix, width=width, height=height)).depth
