"""Objects in a single scan, top to bottom.

scan -> points within reach -> turned into the scan's own direction, so that grids turn with it   canonical_frame.py
-> points above the ground -> their clusters -> rectangles around those             clusters.py, oriented_boxes.py
-> a class and the box of the whole object -> turned back                                        object_shapes.py
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Index
from isometry.geometry import planar
from isometry.sensing.ground_surface import FEWER_ROUNDS, ground_surface
from isometry.sensing.units import check_metres
from isometry.tracking.canonical_frame import canonical_yaw, turned
from isometry.tracking.detection.clusters import clusters, gathered
from isometry.tracking.detection.object_shapes import OTHER, Heights, recognised
from isometry.tracking.detection.occlusion import hidden_sides
from isometry.tracking.detection.oriented_boxes import fitted_rectangles
from isometry.tracking.detection.parameters import ScanDetectorParameters
from isometry.tracking.types import BOX, Detections

RIM_METRES = 0.2  # around a box, in which no other object has its centre
LOWEST_TOP_METRES = 0.5  # lower clusters are kerbs or grass
POLE_METRES = (1.5, 2.3)  # a cluster narrower than the first and higher than the second is a pole or a trunk
LAYER_METRES = 1.0  # of the layer above
NODE_METRES = 3.0  # between heights of the ground: clusters need a less exact ground than registration does


@dataclass(frozen=True)
class ObstaclePoints:
    """The M points above the ground within reach of the sensor, which is the origin of their own frame."""

    points: Array  # (M,3) metres
    over: Array  # (M,) metres over the ground
    above: Array  # (K,3) points of the layer above the highest of them: a cluster that reaches into it is no object
    yaw: float  # radians, from the base frame to the frame of the points, which turns with the scan
    seen_from: Array  # (3,) where the sensor is in the base frame

    def in_base(self) -> Array:
        """The points (M,3) in the base frame."""
        return turned(self.points, self.yaw) + self.seen_from


class ScanDetector:
    """Finds clusters of points above the ground, and classifies them by their size.

    It has no memory: the objects of a scan do not depend on earlier scans. If all points are turned about z, and the
    sensor with them, all objects turn by as much.
    """

    def __init__(self, parameters: ScanDetectorParameters) -> None:
        self.parameters = parameters

    def detect(self, points: NDArray[np.floating], origin: NDArray[np.floating] | None = None) -> Detections:
        """Objects in a scan (N,3) in metres in the base frame, z up, in that frame. See `obstacle_points`."""
        return self.objects(self.obstacle_points(points, origin))

    def obstacle_points(
        self, points: NDArray[np.floating], origin: NDArray[np.floating] | None = None
    ) -> ObstaclePoints:
        """The points of a scan (N,3), in metres in the base frame, z up, that are above the ground.

        `origin` (3,) is where the sensor is in the base frame. Readings that are not finite are left out. Raises
        ValueError for an array of another shape and for a unit that cannot be the metre.
        """
        seen_from = np.zeros(3) if origin is None else np.asarray(origin, np.float64)
        seen = _within_reach(points, seen_from, self.parameters) - seen_from
        if not len(seen):
            return ObstaclePoints(np.zeros((0, 3)), np.zeros(0), np.zeros((0, 3)), 0.0, seen_from)
        yaw = canonical_yaw(seen)
        level = turned(seen, -yaw)
        over = level[:, 2] - ground_surface(level, NODE_METRES, FEWER_ROUNDS).height_at(level)
        lowest, highest = self.parameters.clearance_m, self.parameters.highest_m
        obstacles = (over > lowest) & (over < highest)
        above = (over >= highest) & (over < highest + LAYER_METRES)
        return ObstaclePoints(
            np.compress(obstacles, level, axis=0), over[obstacles], np.compress(above, level, axis=0), yaw, seen_from
        )

    def objects(self, obstacles: ObstaclePoints) -> Detections:
        """The objects among the points above the ground, in the base frame."""
        points, over = obstacles.points, obstacles.over
        links = self.parameters.link_m + self.parameters.link_per_m * np.hypot(points[:, 0], points[:, 1])
        chosen, starts = _of_object_size(points, over, clusters(points, links), self.parameters)
        if not len(starts):
            return Detections(np.zeros((0, BOX)), np.zeros(0), (), headings_known=False)
        hidden = hidden_sides(points, chosen, starts)
        points, over = points[chosen], over[chosen]
        rectangles = fitted_rectangles(points[:, :2], starts)
        heights = Heights.of(points[:, :2], over, starts, rectangles, obstacles.above)
        whole, labels, scores = recognised(rectangles, heights, hidden)
        middles = np.column_stack([whole.centres, np.minimum.reduceat(points[:, 2] - over, starts) + heights.top / 2.0])
        yaw = planar.wrapped(whole.yaw + obstacles.yaw)
        places = turned(middles, obstacles.yaw) + obstacles.seen_from
        boxes = np.column_stack([places, whole.sides, heights.top, yaw])
        found = Detections(boxes, scores, labels, headings_known=False)
        return found.taken(np.flatnonzero(~_parts(found, heights.points)))


def _parts(found: Detections, points: Index) -> NDArray[np.bool_]:
    """Flags (C,) of clusters inside a larger object of known class, such as seats seen through windows."""
    x, y, _, length, width, _, yaw = found.boxes.T
    c, s = np.cos(yaw), np.sin(yaw)
    dx, dy = x[:, None] - x, y[:, None] - y
    inside = (np.abs(c * dx + s * dy) < length / 2.0 + RIM_METRES) & (
        np.abs(c * dy - s * dx) < width / 2.0 + RIM_METRES
    )
    known = np.array([label != OTHER.label for label in found.labels])
    return np.asarray((inside & (points[:, None] < points) & known).any(axis=1))


def _within_reach(
    points: NDArray[np.floating], origin: Array, parameters: ScanDetectorParameters
) -> NDArray[np.floating]:
    """The points (M,3) between the nearest and the furthest distance from the vertical through the sensor."""
    if points.ndim != 2 or points.shape[1] < 3:
        raise ValueError(f"a scan must have the shape (N,3), not {points.shape}")
    x, y = points[:, 0] - origin[0], points[:, 1] - origin[1]
    squared = x * x + y * y
    check_metres(squared)
    within = (squared >= parameters.nearest_m**2) & (squared <= parameters.furthest_m**2) & np.isfinite(points[:, 2])
    return np.compress(within, points[:, :3], axis=0)


def _of_object_size(
    points: Array, over: Array, cluster: Index, parameters: ScanDetectorParameters
) -> tuple[Index, Index]:
    """Indices (M,) of the points of clusters that can be objects, cluster by cluster, and where each starts (C,)."""
    order, starts = gathered(cluster)
    if not len(starts):
        return order, starts
    x, y = points[order, :2].T
    span = np.hypot(*(np.maximum.reduceat(each, starts) - np.minimum.reduceat(each, starts) for each in (x, y)))
    top, sizes = np.maximum.reduceat(over[order], starts), np.diff(starts, append=len(order))
    fitting = (sizes >= parameters.fewest_points) & (span <= parameters.longest_m) & (top >= LOWEST_TOP_METRES)
    fitting &= (span > POLE_METRES[0]) | (top < POLE_METRES[1])
    return order[np.repeat(fitting, sizes)], np.cumsum(sizes[fitting]) - sizes[fitting]
