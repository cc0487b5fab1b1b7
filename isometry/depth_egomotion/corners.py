"""Corners of an image, and where they are in another one: pyramidal Lucas-Kanade (Bouguet, 2001)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Flags

WINDOW = 21  # pixels of a side, around a corner
STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.02)


def corners_of(
    grey: NDArray[np.uint8], count: int, quality: float, apart: int, mask: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """At most `count` corners (N,2) of an image (H,W), where the mask (H,W) is not 0 (Shi and Tomasi, CVPR 1994).

    `quality` is that of the worst one relative to the best; they are `apart` pixels or more.
    """
    found = cv2.goodFeaturesToTrack(grey, count, quality, apart, mask=mask) if count > 0 else None
    return np.zeros((0, 2), np.float32) if found is None else np.asarray(found, np.float32).reshape(-1, 2)


def flow(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    pixels: NDArray[np.float32],
    start: NDArray[np.float32],
    levels: int,
) -> tuple[NDArray[np.float32], Flags]:
    """Where corners (N,2) of one image (H,W) are in another one, near a `start` (N,2), and which are found.

    `levels`: how often the images are halved, to find what is further away.
    """
    if not len(pixels):
        return start.copy(), np.zeros(0, bool)
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before,
        after,
        pixels,
        start.copy(),
        winSize=(WINDOW, WINDOW),
        maxLevel=levels,
        criteria=STOP,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return np.asarray(moved, np.float32), np.asarray(found)[:, 0] == 1


def flow_there_and_back(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    pixels: NDArray[np.float32],
    start: NDArray[np.float32],
    levels: int,
    returns: float,
) -> tuple[NDArray[np.float32], Flags]:
    """As `flow`; a corner is found only if it leads back to within `returns` pixels of where it was."""
    there, found = flow(before, after, pixels, start, levels)
    back, found_back = flow(after, before, there, pixels, levels)
    return there, found & found_back & (np.linalg.norm(back - pixels, axis=1) < returns)
