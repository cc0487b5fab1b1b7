"""Depth without looking at the image: a constant, and the mean depth of each pixel."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array

PREDICTORS = ("constant", "mean_image")


def trivial_depths(reference: Iterable[NDArray[np.floating]]) -> dict[str, Array]:
    """What needs no image, (H,W) in metres each, of depth images (H,W), 0 where nothing was measured.

    `constant`: the median of the images' medians. `mean_image`: the mean of what was measured at each pixel, where
    nothing ever was the constant. Raises ValueError where nothing was measured in any image.
    """
    total, count, medians = np.zeros(()), np.zeros(()), []
    for depth in reference:
        measured = depth > 0.0
        total, count = total + depth, count + measured
        if measured.any():
            medians.append(np.median(depth[measured]))
    if not medians:
        raise ValueError("no depth was measured in the frames that a constant and a mean image are made of")
    constant = np.full(total.shape, np.median(medians))
    return {"constant": constant, "mean_image": np.where(count > 0, total / np.maximum(count, 1), constant)}
