"""The parts of a track that have no motion model: height, size and yaw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import planar
from isometry.tracking.types import Detections

QUARTER = np.pi / 2.0


def as_expected(found: Detections, yaw: Array) -> Array:
    """Boxes (K,7) of detections, each described by the yaw that is nearest to the expected one (K,).

    A detector that knows headings may take the back for the front; another one may take any side for the front.
    """
    boxes = found.boxes.copy()
    step = np.pi if found.headings_known else QUARTER
    turns = np.round(planar.wrapped(yaw - boxes[:, 6]) / step)
    boxes[:, 6] += turns * step
    swapped = (turns.astype(int) % 2 == 1) & (not found.headings_known)
    boxes[swapped, 3:5] = boxes[swapped, 4:2:-1]
    return boxes


def blended(rest: Array, boxes: Array, hits: NDArray[np.int64], least_gains: Array) -> Array:
    """`rest` (K,5) of tracks after boxes (K,7): the mean of `hits` (K,) detections, the last ones counting most.

    `least_gains` (K,3) of a detection against all before it: for z, for the size, for yaw.
    """
    change = boxes[:, 2:] - rest
    change[:, 4] = planar.wrapped(change[:, 4])
    blend: Array = rest + np.maximum(1.0 / hits[:, None], least_gains[:, [0, 1, 1, 1, 2]]) * change
    return blend
