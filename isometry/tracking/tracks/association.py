"""Assigns detections to tracks: the likeliest assignment by motion, overlap and the confidence of tracks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from isometry.arrays import Array, Index
from isometry.geometry.boxes import iou_3d_of_pairs

REACH = 4.0  # standard deviations between a detection and the expected position of its track at most
OVERLAP = 4.0  # what a full overlap adds to the log likelihood; it tells neighbours apart
PAIRED = 100.0  # log likelihood of any pair within reach, above all else: a new track is the last resort


def associate(
    expected: Array, variances: Array, confidence: Array, found: Array, allowed: NDArray[np.bool_]
) -> tuple[Index, Index]:
    """Indices (K,), (K,) of the pairs of tracks and detections of the largest total log likelihood.

    `expected` (N,7) are predicted boxes of tracks, `variances` (N,) of their detections along x and y in metres
    squared, `confidence` (N,) of the tracks, `found` (M,7) boxes of detections, `allowed` (N,M) the possible pairs.
    """
    difference = expected[:, None, :2] - found[None, :, :2]
    distance = (difference**2).sum(axis=-1) / variances[:, None]
    near = (distance < REACH**2) & allowed
    rivals = near & ((near.sum(axis=1) > 1)[:, None] | (near.sum(axis=0) > 1)[None])
    if not rivals.any():
        tracks, detections = np.nonzero(near)
        return tracks, detections
    rows, columns = np.nonzero(rivals)
    of_track = np.log(np.maximum(confidence, 1e-6)) - np.log(variances)
    gain = np.where(near, PAIRED + of_track[:, None] - 0.5 * distance, 0.0)
    gain[rows, columns] += OVERLAP * iou_3d_of_pairs(expected[rows], found[columns])
    tracks, detections = linear_sum_assignment(gain, maximize=True)
    kept = near[tracks, detections]
    return tracks[kept], detections[kept]
