"""Several boxes of one object: detectors without suppression, or with a suppression for each class by itself."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array, Index
from isometry.geometry.boxes import iou_3d

COVERED = 0.5  # share of the smaller box inside of the other one, from which on both are of one object
ALIKE = 0.1  # overlap of two boxes on the same place: a person in a car is no second box of the car


def owners(boxes: Array, scores: Array) -> Index:
    """For each box (M,7) the one (M,) that stands for its object: itself, or one of a higher score on its place.

    `scores` (M,).
    """
    overlap = iou_3d(boxes, boxes)
    first, second = np.nonzero(np.triu(overlap, 1))
    owner = np.arange(len(boxes))
    if not len(first):
        return owner
    volumes = boxes[:, 3:6].prod(axis=1)
    iou = overlap[first, second]
    common = iou / (1.0 + iou) * (volumes[first] + volumes[second])
    same = common > COVERED * np.minimum(volumes[first], volumes[second])
    same &= size_overlap(boxes[first], boxes[second]) > ALIKE
    order = np.lexsort((np.arange(len(boxes)), -scores))
    rank = np.argsort(order)
    pairs = [(first[k], second[k]) for k in np.flatnonzero(same)]
    pairs = [(a, b) if rank[a] < rank[b] else (b, a) for a, b in pairs]
    for better, worse in sorted(pairs, key=lambda pair: (rank[pair[0]], rank[pair[1]])):
        if owner[better] == better and owner[worse] == worse:
            owner[worse] = better
    return owner


def size_overlap(one: Array, other: Array) -> Array:
    """Overlap (P,), intersection over union, of pairs of boxes (P,7) when they lie on the same place, side by side."""
    volumes = one[:, 3:6].prod(axis=1) + other[:, 3:6].prod(axis=1)
    common = np.minimum(one[:, 3:6], other[:, 3:6]).prod(axis=1)
    return np.asarray(common / (volumes - common))
