"""Upright boxes, turned about z, in other frames, and how they overlap: arrays only.

A box is x, y, z of its centre, length, width, height in metres, and yaw of its length about z in radians.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import planar, se3

_CORNERS = 0.5 * np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])  # of length and width


def footprints(boxes: Array) -> Array:
    """Corners (N,4,2) of boxes (N,7) seen from above, counter-clockwise from the front left one."""
    across: Array = (_CORNERS * boxes[:, None, 3:5]) @ np.swapaxes(planar.rotations(boxes[:, 6]), -1, -2)
    return boxes[:, None, :2] + across


def moved(T_target_source: Array, boxes: Array, turn: float | None = None) -> Array:
    """Boxes (N,7) in another frame, which is level to about a degree: they stay upright and turn by its heading.

    `turn` in radians replaces the heading where it is given; the inverse transform with -turn is then exact.
    """
    there = np.array(boxes, dtype=float).reshape(-1, 7)
    there[:, :3] = se3.apply(T_target_source, there[:, :3])
    there[:, 6] = planar.wrapped(there[:, 6] + (se3.yaw(T_target_source) if turn is None else turn))
    return there


def iou_3d(a: Array, b: Array) -> Array:
    """Intersection over union (N,M) of the volumes of boxes (N,7) and (M,7); 0 where a box has no volume or is NaN."""
    overlap = np.zeros((len(a), len(b)))
    rows, columns = np.nonzero(_may_meet(a[:, None], b[None]))
    overlap[rows, columns] = _overlap_of_pairs(a[rows], b[columns])
    return overlap


def iou_3d_of_pairs(a: Array, b: Array) -> Array:
    """`iou_3d` (P,) of each of P pairs of boxes (P,7), (P,7)."""
    overlap = np.zeros(len(a))
    near = np.flatnonzero(_may_meet(a, b))
    overlap[near] = _overlap_of_pairs(a[near], b[near])
    return overlap


def footprint_intersections(a: Array, b: Array) -> Array:
    """Area (P,) of the intersection of the footprints of each of P pairs of boxes (P,7), (P,7), in square metres.

    In the axes of `a` its rectangle is |x| <= l/2, |y| <= w/2. Points of the outline of `b` outside of it are moved to
    the nearest point of its border. The moved outline encloses exactly the intersection, whose area is the integral of
    x dy along it. There is no sorting and no distinction of cases, so boxes that touch or coincide are not special.
    """
    turned = planar.rotations(a[:, 6])
    start = (footprints(b) - a[:, None, :2]) @ turned  # (P,4,2)
    along = np.roll(start, -1, axis=1) - start
    half = 0.5 * a[:, None, 3:5]
    with np.errstate(divide="ignore", invalid="ignore"):
        # Where each edge enters and leaves the strips |x| <= l/2 and |y| <= w/2, as fractions of the edge.
        rim = np.stack([(-half - start) / along, (half - start) / along])  # (2,P,4,2)
    rim = np.nan_to_num(rim, nan=0.0, posinf=np.inf, neginf=-np.inf)  # 0/0: the edge runs along the rim
    enter, leave = np.clip(rim.min(axis=0), 0.0, 1.0), np.clip(rim.max(axis=0), 0.0, 1.0)
    first, last = enter[..., 1], leave[..., 1]  # outside of the strip of y there is no dy
    steps = np.stack([first, np.clip(enter[..., 0], first, last), np.clip(leave[..., 0], first, last), last])
    x = np.clip(start[..., 0] + steps * along[..., 0], -half[..., 0], half[..., 0])  # (4,P,4)
    y = np.clip(start[..., 1] + steps * along[..., 1], -half[..., 1], half[..., 1])
    area: Array = 0.5 * ((x[1:] + x[:-1]) * (y[1:] - y[:-1])).sum(axis=(0, 2))
    return np.maximum(area, 0.0)


def _may_meet(a: Array, b: Array) -> NDArray[np.bool_]:
    """Whether the circles around the footprints of boxes (...,7), (...,7) meet, and their heights."""
    reach = 0.5 * (np.hypot(a[..., 3], a[..., 4]) + np.hypot(b[..., 3], b[..., 4]))
    meet: NDArray[np.bool_] = ((a[..., :2] - b[..., :2]) ** 2).sum(axis=-1) < reach**2
    return meet & (2.0 * np.abs(a[..., 2] - b[..., 2]) < a[..., 5] + b[..., 5])


def _overlap_of_pairs(a: Array, b: Array) -> Array:
    """Intersection over union (P,) of each of P pairs of boxes (P,7), (P,7)."""
    common = footprint_intersections(a, b)
    size_a, size_b = (np.prod(boxes[:, 3:6], axis=1) for boxes in (a, b))
    top = np.minimum(a[:, 2] + 0.5 * a[:, 5], b[:, 2] + 0.5 * b[:, 5])
    bottom = np.maximum(a[:, 2] - 0.5 * a[:, 5], b[:, 2] - 0.5 * b[:, 5])
    common = common * np.maximum(top - bottom, 0.0)
    common = np.minimum(common, np.minimum(size_a, size_b))
    joined = size_a + size_b - common
    overlap: Array = np.divide(common, joined, out=np.zeros_like(common), where=joined > 0.0)
    return overlap
