"""Which pixels may show one object: what rises above the surfaces of a room, divided where surfaces meet in a valley.

depth -> points, normals
      -> large planes (table, floor, walls) and what is behind them are left out
      -> segments: divided at steps of depth and along concave edges
      -> regions: each segment, and neighbouring ones together

Objects are mostly convex, and where one touches another one or a table, their surfaces meet in a valley. An object that
is not convex falls into several segments, so neighbours are proposed together too. Source: Stein, Schoeler, Papon and
Woergoetter, "Object partitioning using local convexity" (CVPR 2014), here for images.
"""

from __future__ import annotations

from itertools import combinations, islice
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from isometry.arrays import AnyArray, Array, Flags, Integers
from isometry.geometry import se3
from isometry.object_pose.comparison import depth_tolerance
from isometry.object_pose.crop import extent
from isometry.object_pose.planes import Plane, plane_of
from isometry.object_pose.rendering import rays_through

SMOOTH = 1.5  # pixels, of the depth from which normals are taken
STEP = 5  # pixels between two points whose surfaces are compared
CONCAVE = 0.35  # sum of the sines by which each of two points is in front of the surface of the other
PLANE_POINTS, PLANE_TRIALS, MOST_PLANES = 2500, 200, 4
LEAST_OF_VIEW = 0.08  # share of the readings that a plane of the room holds
PARALLEL_COSINE = 0.85  # of the normal of a plane and of readings on it
RISES_M = 0.004  # and at least so much above it
WIDE, NARROWEST_M = 1.6, 0.4  # extent of a plane of the room over the diameter of the largest object, and at least
BESIDE_M = 0.03  # of the readings of a plane, from the foot of what is in front of it
FEWEST_PIXELS = 150
NEIGHBOURS_M = 0.02  # between parts of one object
MOST_JOINED = 12  # regions of several segments
LARGEST_EXTENT = 1.1  # of a region, over the diameter of the largest object
LEAST_EXPLAINED, MOST_LEFT = 0.2, 0.8  # share of a segment that is explained, between which there may be another object


class Scene(NamedTuple):
    """An image in parts."""

    segments: Integers  # (H,W) 1 to S; 0 is the room, and what was not measured
    points: Array  # (H,W,3) metres
    planes: int  # of the room, that were left out


def segmented(depth: Array, camera: Array, largest_diameter: float) -> Scene:
    """The segments of a depth image (H,W) of a camera (3,3); objects have diameters up to one in metres."""
    measured = depth > 0.0
    v, u = np.indices(depth.shape)
    rays = rays_through(camera, np.column_stack([u.ravel(), v.ravel()]).astype(np.float64)).reshape(*depth.shape, 3)
    points = rays * depth[..., None]
    normals = _normals(rays, depth, measured)
    above, planes = _in_front_of_planes(points, normals, measured, largest_diameter)
    edges = _edges(points, normals, measured)
    inner, _ = ndimage.label(above & ~edges)
    sizes = np.bincount(inner.ravel())
    kept = np.flatnonzero(sizes >= FEWEST_PIXELS)
    kept = kept[kept > 0]
    numbers = np.zeros(len(sizes), np.intp)
    numbers[kept] = np.arange(1, len(kept) + 1)
    cores = numbers[inner]
    return Scene(_grown(cores, above), points, planes)


def single_regions(scene: Scene) -> list[Flags]:
    """The pixels (H,W) of each segment, the largest first."""
    sizes = np.bincount(scene.segments.ravel())[1:]
    return [scene.segments == number for number in np.argsort(-sizes) + 1]


def joined_regions(scene: Scene, explained: Flags, largest_diameter: float) -> list[Flags]:
    """The pixels (H,W) of two and of three neighbouring segments of which not most is `explained` (H,W), largest first.

    Those of an extent that no object has are left out, and all but the `MOST_JOINED` largest of the others.
    """
    sizes = np.bincount(scene.segments.ravel())
    known = np.bincount(scene.segments[explained], minlength=len(sizes))
    open_ones = [k for k in range(1, len(sizes)) if known[k] < 0.5 * sizes[k]]
    touching = {pair for pair in _touching(scene) if set(pair) <= set(open_ones)}
    joined = {frozenset(pair) for pair in touching}
    joined |= {frozenset({*pair, *other}) for pair, other in combinations(touching, 2) if set(pair) & set(other)}
    largest_first = sorted(joined, key=lambda each: -sum(sizes[k] for k in each))
    found = (np.isin(scene.segments, list(each)) for each in largest_first)
    small = (region for region in found if extent(scene.points[region]) < LARGEST_EXTENT * largest_diameter)
    return list(islice(small, MOST_JOINED))


def left_over(scene: Scene, explained: Flags) -> list[Flags]:
    """Connected pixels (H,W) of segments of which some, and not most, is `explained` (H,W)."""
    found = []
    for region in single_regions(scene):
        share = (region & explained).sum() / region.sum()
        if MOST_LEFT > share > LEAST_EXPLAINED:
            left = _largest(ndimage.binary_opening(region & ~explained, iterations=2))
            if left.sum() >= FEWEST_PIXELS:
                found.append(left)
    return found


def _in_front_of_planes(points: Array, normals: Array, measured: Flags, largest_diameter: float) -> tuple[Flags, int]:
    """Readings (H,W) in front of all large planes of the room, and of the readings of one of them; and their number."""
    random = np.random.default_rng(0)
    left, in_front, over = measured.copy(), measured.copy(), np.zeros_like(measured)
    tolerance = depth_tolerance(points[..., 2]) + RISES_M
    total, planes = measured.sum(), 0
    for _ in range(MOST_PLANES):
        if left.sum() <= LEAST_OF_VIEW * total:
            break
        chosen = random.permutation(int(left.sum()))[:PLANE_POINTS]
        readings = points[left][chosen]
        # a plane through the fronts of several objects holds readings of them, but not their normals
        plane = plane_of(
            readings, depth_tolerance(readings[:, 2]), PLANE_TRIALS, normals[left][chosen], PARALLEL_COSINE
        )
        if plane is None:
            break
        off = plane.off(points)
        held = left & (np.abs(off) < tolerance) & (normals @ plane.normal > PARALLEL_COSINE)
        if held.sum() < LEAST_OF_VIEW * total:
            break
        left &= ~held
        if extent(points[held]) < max(WIDE * largest_diameter, NARROWEST_M):
            continue  # a side of an object
        planes += 1
        in_front &= off > tolerance
        left &= in_front
        over |= _over(points, points[_largest(held)], plane)
    return in_front & over if planes else in_front, planes


def _over(points: Array, readings: Array, plane: Plane) -> Flags:
    """Whether the feet of points (H,W,3) on a plane lie between its readings (N,3); all, where these are in a line."""
    across = se3.levelling_rotation(plane.normal)[:2]
    feet = points @ across.T
    outside = np.full(points.shape[:2], -np.inf)
    try:
        border = ConvexHull(readings @ across.T).equations
    except QhullError:  # too few readings, or in a line
        return np.ones(points.shape[:2], bool)
    for x, y, offset in border:
        np.maximum(outside, feet[..., 0] * x + feet[..., 1] * y + offset, out=outside)
    return np.asarray(outside < BESIDE_M)


def _largest(flags: Flags) -> Flags:
    """The largest connected part (H,W); none of none."""
    parts, _ = ndimage.label(flags)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray(flags & (parts == int(np.argmax(sizes))))


def _normals(rays: Array, depth: Array, measured: Flags) -> Array:
    """Normals (H,W,3) towards the camera, of smoothed depth."""
    weight = ndimage.gaussian_filter(measured.astype(np.float64), SMOOTH)
    smooth = ndimage.gaussian_filter(np.where(measured, depth, 0.0), SMOOTH) / np.maximum(weight, 1e-6)
    points = rays * smooth[..., None]
    down, right = np.gradient(points, axis=(0, 1))
    normals = np.cross(down, right)
    normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-12)
    return np.asarray(normals * -np.sign(np.sum(normals * rays, axis=2, keepdims=True)))


def _edges(points: Array, normals: Array, measured: Flags) -> Flags:
    """Pixels (H,W) at a step of depth or in a valley between two surfaces."""
    edges = ~measured
    for axis in (0, 1):
        one, other = _beside(points, axis, STEP)
        n_one, n_other = _beside(normals, axis, STEP)
        apart = other - one
        distance = np.maximum(np.linalg.norm(apart, axis=2), 1e-9)
        in_front = np.sum((n_one - n_other) * apart, axis=2) / distance
        tolerance = depth_tolerance(np.minimum(one[..., 2], other[..., 2]))
        along = np.abs(np.sum((n_one + n_other) * apart, axis=2)) / 2.0
        step = along > 1.5 * tolerance
        valley = in_front > CONCAVE
        found = np.zeros_like(edges)
        inside = [slice(None), slice(None)]
        inside[axis] = slice(STEP // 2, STEP // 2 + one.shape[axis])
        found[tuple(inside)] = step | valley
        edges |= found
    return edges


def _beside(image: AnyArray, axis: int, reach: int) -> tuple[AnyArray, AnyArray]:
    """The pixels of an image (H,W,...), and those `reach` pixels further along an axis."""
    along = np.moveaxis(image, axis, 0)
    return np.moveaxis(along[:-reach], 0, axis), np.moveaxis(along[reach:], 0, axis)


def _grown(cores: Integers, above: Flags) -> Integers:
    """Segments (H,W) of their cores, with the pixels above the planes that are nearest to them."""
    if not cores.any():
        return cores
    distance, nearest = ndimage.distance_transform_edt(cores == 0, return_indices=True)
    grown = cores[tuple(nearest)]
    return np.where(above & (distance < 2 * STEP), grown, 0)


def _touching(scene: Scene) -> set[tuple[int, int]]:
    """Pairs of segments that are beside each other in the image and in space."""
    found: set[tuple[int, int]] = set()
    reach = 2  # pixels: they were grown until they met
    for axis in (0, 1):
        one, other = _beside(scene.segments, axis, reach)
        near = np.linalg.norm(np.subtract(*_beside(scene.points, axis, reach)), axis=2)
        beside = (one != other) & (one > 0) & (other > 0) & (near < NEIGHBOURS_M)
        pairs = np.sort(np.column_stack([one[beside], other[beside]]), axis=1)
        names, counts = np.unique(pairs, axis=0, return_counts=True)
        found |= {(int(a), int(b)) for (a, b), count in zip(names, counts, strict=True) if count > STEP}
    return found
