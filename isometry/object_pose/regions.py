"""Which pixels show an object: out of a detector's box or of a label image.

box -> its pixels                                            region_of_box
    -> those that are not of the surface it stands on
    -> those near the depth in the middle of the box         object_in_region
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from isometry.arrays import Array, Flags, Index, Integers
from isometry.object_pose.comparison import depth_tolerance
from isometry.object_pose.masks import bounds
from isometry.object_pose.planes import plane_of
from isometry.object_pose.rendering import rays_through

AROUND = 0.5  # of the region's larger side, on each side: there the surface is seen that the object stands on
PLANE_POINTS, PLANE_TRIALS, FEWEST_AROUND = 1500, 80, 30
LEAST_OF_PLANE = 0.35  # share of the readings around the object that a plane must hold
ABOVE_PLANE_M, WITHIN_ERROR = 0.002, 90.0  # beyond this percentile of the plane's own readings: not of the plane
MIDDLE = 0.3  # part of the region, around its middle, whose depth is that of the object
ROUNDING = 1e-6  # pixels: of a turned box
REACH = 0.75  # of the diameter, from the object's median depth


class Box(NamedTuple):
    """A box in an image, pixels and radians."""

    x: float  # of its centre, to the right
    y: float  # down
    width: float
    height: float
    turn: float = 0.0


class Labelled(NamedTuple):
    """The pixels of one object in a label image."""

    label: int
    name: str
    mask: Flags


def region_of_box(box: Box, shape: tuple[int, int]) -> Flags:
    """The pixels (H,W) of an image that are in a box. Raises ValueError for a box that is not finite or has no size."""
    if not np.isfinite(box).all() or box.width <= 0.0 or box.height <= 0.0:
        raise ValueError(f"a box of {box.width:g} x {box.height:g} pixels at {box.x:g}, {box.y:g}")
    v, u = np.ogrid[: shape[0], : shape[1]]
    right, down = u - box.x, v - box.y
    cosine, sine = np.cos(box.turn), np.sin(box.turn)
    along, across = cosine * right + sine * down, cosine * down - sine * right
    half_width, half_height = 0.5 * box.width + ROUNDING, 0.5 * box.height + ROUNDING
    return np.asarray((np.abs(along) <= half_width) & (np.abs(across) <= half_height))


def objects_of_labels(
    labels: Integers, names: Mapping[int, str], apart: bool, fewest: int, most: int
) -> list[Labelled]:
    """The objects of a label image (H,W), 0 being the background; a label without a name has its number as its name.

    With `apart`, a label is a class, and each connected part of it with `fewest` pixels is an object; else a label is
    one object. The `most` largest are given.
    """
    found: list[Labelled] = []
    for label in _largest(*np.unique(labels[labels != 0], return_counts=True), most):
        mask = labels == label
        name = names.get(label, str(label))
        if not apart:
            found.append(Labelled(label, name, mask))
            continue
        parts, count = ndimage.label(mask)
        sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
        kept = np.flatnonzero(sizes >= fewest)
        found += [Labelled(label, name, parts == part) for part in _largest(kept + 1, sizes[kept], most - len(found))]
    return found


def _largest(numbers: Index, sizes: Index, most: int) -> list[int]:
    """The numbers of the largest sizes, in their own order."""
    kept: list[int] = np.sort(numbers[np.argsort(-sizes, kind="stable")[: max(most, 0)]]).tolist()
    return kept


def object_in_region(region: Flags, depth: Array, camera: Array, diameter: float) -> Flags:
    """The pixels (H,W) of a region that show an object of a diameter in metres, by the depth (H,W) of a camera (3,3).

    The surface around the region is left out, and so is what is nearer or further than the object can be. Pixels
    without depth belong to the object where the nearest one with depth does. Nothing is found where nothing was
    measured.
    """
    window = _window(region)
    if window is None:
        return np.zeros_like(region)
    inside, near = region[window], depth[window]
    measured = near > 0.0
    top, left = window[0].start, window[1].start
    v, u = np.indices(near.shape)
    pixels = np.column_stack([u.ravel() + left, v.ravel() + top]).astype(np.float64)
    points = (rays_through(camera, pixels) * near.reshape(-1, 1)).reshape(*near.shape, 3)
    candidates = inside & measured
    above = candidates & ~_on_plane(points, measured, measured & ~inside)
    # an object as flat as the camera's error is not told from what it lies on
    candidates = above if above.sum() > 0.1 * candidates.sum() else candidates
    middle = candidates & _middle(inside)
    of_middle = near[middle] if middle.any() else near[candidates]
    if len(of_middle) == 0:
        return np.zeros_like(region)
    candidates &= np.abs(near - np.median(of_middle)) < REACH * diameter
    parts, _ = ndimage.label(candidates)
    counted = np.bincount(parts[middle & candidates] if (middle & candidates).any() else parts[candidates])
    counted[:1] = 0
    found = np.zeros_like(region)
    if counted.sum():
        part = parts == int(np.argmax(counted))
        # what was not measured is of what is nearest to it
        nearest = ndimage.distance_transform_edt(~measured, return_distances=False, return_indices=True)
        found[window] = inside & part[tuple(nearest)]
    return found


def around(region: Flags) -> Flags:
    """The pixels (H,W) around a region: of a surface that the object stands on, and of what is beside it."""
    found = np.zeros_like(region)
    window = _window(region)
    if window is not None:
        found[window] = ~region[window]
    return found


def _window(region: Flags) -> tuple[slice, slice] | None:
    """The rows and columns of a region and of what is around it."""
    outermost = bounds(region)
    if outermost is None:
        return None
    left, top, right, bottom = outermost
    margin = int(AROUND * max(right - left + 1, bottom - top + 1)) + 1
    rows = slice(max(top - margin, 0), bottom + margin + 1)
    return rows, slice(max(left - margin, 0), right + margin + 1)


def _middle(inside: Flags) -> Flags:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    v, u = np.indices(inside.shape)
    down = np.abs(v - 0.5 * (rows[0] + rows[-1])) <= 0.5 * MIDDLE * len(rows)
    right = np.abs(u - 0.5 * (columns[0] + columns[-1])) <= 0.5 * MIDDLE * len(columns)
    return np.asarray(inside & down & right)


def _on_plane(points: Array, measured: Flags, around: Flags) -> Flags:
    """Readings (H,W) that lie on the plane most readings around an object are of, or behind it; none without one."""
    readings = points[around]
    readings = readings[np.random.default_rng(0).permutation(len(readings))[:PLANE_POINTS]]
    plane = (
        plane_of(readings, depth_tolerance(readings[:, 2]), PLANE_TRIALS) if len(readings) >= FEWEST_AROUND else None
    )
    if plane is None or plane.held.mean() < LEAST_OF_PLANE:
        return np.zeros(measured.shape, bool)
    # how far the camera errs here is seen on the plane itself
    limit = ABOVE_PLANE_M + np.percentile(np.abs(plane.off(readings[plane.held])), WITHIN_ERROR)
    return np.asarray(measured & (plane.off(points) < limit))
