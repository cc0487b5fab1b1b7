"""The class of a cluster by its size, and the box of the whole object: a sensor sees only the sides that face it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Index
from isometry.geometry import planar
from isometry.tracking.detection.oriented_boxes import Rectangles, in_frames, repeat_per_cluster


@dataclass(frozen=True)
class Shape:
    """The visible size of objects of a class, in metres, and the size of the whole objects."""

    label: str
    longer: tuple[float, float]  # least and most of the longer side
    shorter: tuple[float, float]  # of the shorter one
    top: tuple[float, float]  # of the height over the ground
    upper: tuple[float, float]  # of the longer side around the upper third
    least: tuple[float, float]  # length and width of a whole object
    score: float  # of one with many points
    end_only: bool = False  # its front or its rear is seen, and not its length


SHAPES = (
    Shape("pedestrian", (0.2, 1.1), (0.0, 0.9), (1.1, 2.05), (0.0, 1.1), (0.6, 0.6), 0.7),
    Shape("cyclist", (1.1, 2.2), (0.2, 1.0), (1.3, 2.05), (0.0, 0.95), (1.75, 0.6), 0.7),
    Shape("car", (2.5, 7.5), (0.0, 2.7), (1.1, 2.5), (0.5, 7.5), (4.0, 1.7), 0.9),  # or a van, with mirrors
    Shape("car", (1.2, 2.5), (0.0, 2.4), (1.1, 2.5), (0.95, 2.5), (4.0, 1.7), 0.6, end_only=True),
)
OTHER = Shape("unknown", (0.0, np.inf), (0.0, np.inf), (0.0, np.inf), (0.0, np.inf), (0.1, 0.1), 0.2)
MOST_OVERHEAD = 0.2  # a cluster of which a larger share has something right above is a wall, a tree or a pole
COLUMN_METRES = 0.4  # side of a column
MANY_POINTS = 10.0  # with so many, a score is two thirds of what it can be
UPPER = 2.0 / 3.0  # of the height, where the upper third begins


@dataclass(frozen=True)
class Heights:
    """Heights of C clusters."""

    top: Array  # (C,) metres over the ground
    upper: Array  # (C,) metres, the longer side of a rectangle around the upper third, parallel to that of the cluster
    points: Index  # (C,) how many there are at all heights
    overhead: Array  # (C,) share of them, 0 to 1, with something right above the layer that clusters are found in

    @classmethod
    def of(cls, points: Array, over: Array, starts: Index, rectangles: Rectangles, above: Array) -> Heights:
        """Heights of clusters: points (N,2), cluster by cluster, `over` (N,) the ground; `starts` (C,) of each cluster.

        `above` (K,2 or more) are the points right above the layer.
        """
        top = np.maximum.reduceat(over, starts)
        along = in_frames(points, starts, rectangles.yaw)
        is_upper = over >= UPPER * repeat_per_cluster(top, starts, len(points))
        low = np.minimum.reduceat(np.where(is_upper, along, np.inf), starts, axis=1)
        high = np.maximum.reduceat(np.where(is_upper, along, -np.inf), starts, axis=1)
        sizes = np.diff(starts, append=len(points))
        return cls(top, (high - low).max(axis=0), sizes, np.add.reduceat(_covered(points, above), starts) / sizes)


def _covered(points: Array, above: Array) -> Array:
    """1.0 for each point (N,2) with one of the points `above` (K,2 or more) in its column, else 0.0."""
    columns = [np.floor(each[:, :2] / COLUMN_METRES).astype(np.intp) for each in (points, above)]
    low, high = columns[0].min(axis=0), columns[0].max(axis=0)
    inside = ((columns[1] >= low) & (columns[1] <= high)).all(axis=1)
    taken = np.zeros(high - low + 1)
    taken[tuple((columns[1][inside] - low).T)] = 1.0
    return np.asarray(taken[tuple((columns[0] - low).T)])


def recognised(
    rectangles: Rectangles, heights: Heights, hidden: NDArray[np.bool_]
) -> tuple[Rectangles, tuple[str, ...], Array]:
    """Rectangles of the whole objects with their length along yaw, class names (C,), scores (C,) in 0..1.

    The sensor is at the origin; `hidden` (C,2) says whether something else hides the clusters' clockwise and
    counter-clockwise ends from it.
    """
    shapes = (*SHAPES, OTHER)
    sides = rectangles.sides
    measures = np.column_stack([sides.max(axis=1), sides.min(axis=1), heights.top, heights.upper])
    bounds = np.array([[shape.longer, shape.shorter, shape.top, shape.upper] for shape in shapes])
    fits = np.all((bounds[:, None, :, 0] <= measures) & (measures <= bounds[:, None, :, 1]), axis=2)
    fits[:-1] &= heights.overhead < MOST_OVERHEAD
    first = fits.argmax(axis=0)  # (C,) the first shape that fits; `OTHER` always does
    # a car whose side faces the sensor is seen in its whole length: a shorter cluster is its front or its rear
    end_only = np.array([shape.end_only for shape in shapes])[first]
    sight = np.abs(_in_own_frames(rectangles, rectangles.centres))
    across = np.where(end_only, sight[:, 1] > sight[:, 0], sides[:, 1] > sides[:, 0])
    least = np.array([shape.least for shape in shapes])[first]
    whole = _completed(_turned_a_quarter(rectangles, across), least, hidden)
    scores = np.array([shape.score for shape in shapes])[first] * (1.0 - np.exp(-heights.points / MANY_POINTS))
    return whole, tuple(shapes[k].label for k in first), scores


def _in_own_frames(rectangles: Rectangles, vectors: Array) -> Array:
    """Coordinates (C,2) of a vector (C,2) along and across the yaw of each rectangle."""
    return np.asarray(np.einsum("cji,cj->ci", planar.rotations(rectangles.yaw), vectors))


def _turned_a_quarter(rectangles: Rectangles, which: NDArray[np.bool_]) -> Rectangles:
    """The same rectangles; those of `which` (C,) are described with their other side along yaw."""
    low, high = rectangles.low, rectangles.high
    return Rectangles(
        rectangles.yaw + np.where(which, np.pi / 2.0, 0.0),
        np.where(which[:, None], np.column_stack([low[:, 1], -high[:, 0]]), low),
        np.where(which[:, None], np.column_stack([high[:, 1], -low[:, 0]]), high),
    )


def _completed(rectangles: Rectangles, least: Array, hidden: NDArray[np.bool_]) -> Rectangles:
    """Rectangles with sides of `least` (C,2) metres or more, extended to where the sensor at the origin cannot see.

    The point nearest to the sensor keeps its place: a corner, or a point of a side. But a side across the line of
    sight, of which one end is hidden, is extended at that end.
    """
    missing = np.maximum(least - rectangles.sides, 0.0)
    before = np.clip(-rectangles.low / np.maximum(rectangles.sides, 1e-9), 0.0, 1.0)
    centres = rectangles.centres
    counter = _in_own_frames(rectangles, np.column_stack([-centres[:, 1], centres[:, 0]]))  # across the line of sight
    lies_across = np.abs(counter) > np.hypot(*centres.T)[:, None] * np.sqrt(0.5)
    one_end = lies_across & (hidden[:, :1] != hidden[:, 1:])
    before = np.where(one_end, (counter > 0.0) == hidden[:, :1], before)
    return Rectangles(rectangles.yaw, rectangles.low - before * missing, rectangles.high + (1.0 - before) * missing)
