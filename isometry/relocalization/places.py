"""A map as places: pieces of it that a scan can be registered to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Cloud

TILE_REACHES = 1.5  # radius of a tile over how far scans reach
TILE_STEP_REACHES = 1.0  # distance between the middles of tiles
REACH_QUANTILE = 0.95  # of the ranges of a scan's thinned points
SPARSE = 0.1  # a tile with a smaller share of the fullest one's points shows nothing of its own


@dataclass(frozen=True)
class Scan:
    """A scan in the base frame, and what is made of it for registration."""

    points: NDArray[np.floating]  # (N,3) metres, as measured
    cloud: Cloud  # thinned; its viewpoint is the sensor

    @cached_property
    def reach(self) -> float:
        """Metres from the base within which nearly all of its points lie."""
        return float(np.quantile(np.linalg.norm(self.cloud.points, axis=1), REACH_QUANTILE))


@dataclass(frozen=True)
class Place:
    """A piece of the map."""

    cloud: Cloud
    T_map_cloud: Array  # (4,4)


class Places(Protocol):
    """A map to be located in."""

    def candidates(self, scan: Scan, T_map_near: Array | None) -> Iterator[Place]:
        """Places that a scan may show, the most likely first; `T_map_near` (4,4) is where the robot was last known."""
        ...

    def around(self, scan: Scan, T_map_base: Array) -> Place | None:
        """What the map holds within a scan's reach of a pose (4,4); None when that is next to nothing."""
        ...


class CloudPlaces:
    """A map that is a cloud. It is thinned once; its tiles overlap, so that every scan lies well inside of one."""

    def __init__(
        self, points: NDArray[np.floating], parameters: RegistrationParameters, level: bool = True, reach: float = 0.0
    ) -> None:
        """`points` (N,3) in metres; `level`: z is up; `reach` in metres, 0 follows from the first scan.

        Raises UnusableCloudError for a map that nothing can be registered to.
        """
        self._parameters, self._up = parameters, np.array([0.0, 0.0, 1.0]) if level else None
        self._origin = np.median(points, axis=0)  # coordinates of a survey are too large to align with
        self._points = points - self._origin
        self._finest = prepare(self._points, parameters, None, self._up)
        self._cloud, self._tree = self._finest, cKDTree(self._finest.points)
        self._reach, self._fitted = reach, False
        self._tiles: list[Place] = []

    def candidates(self, scan: Scan, T_map_near: Array | None) -> Iterator[Place]:
        """Tiles: nearest to where the robot was first, or else the fullest first."""
        self._fit(scan)
        tiles = self._tiles
        if T_map_near is not None:
            tiles = sorted(tiles, key=lambda tile: float(np.linalg.norm((tile.T_map_cloud - T_map_near)[:3, 3])))
        yield from tiles

    def around(self, scan: Scan, T_map_base: Array) -> Place | None:
        """The points within reach of the pose."""
        self._fit(scan)
        return self._piece(T_map_base[:3, 3] - self._origin, self._reach)

    def _fit(self, scan: Scan) -> None:
        """Bring the map to the resolution of the scans and cut it into tiles, with the first scan."""
        if self._fitted:
            return
        self._fitted = True
        self._reach = self._reach or scan.reach
        resolution = scan.cloud.resolution
        if resolution != self._finest.resolution:
            self._cloud = prepare(self._points, replace(self._parameters, resolution=resolution), None, self._up)
            self._tree = cKDTree(self._cloud.points)
        middles = _middles(self._cloud.points, TILE_STEP_REACHES * self._reach)
        found = [self._piece(middle, TILE_REACHES * self._reach) for middle in middles]
        self._tiles = sorted((tile for tile in found if tile is not None), key=lambda tile: -len(tile.cloud.points))
        if self._tiles:
            fullest = len(self._tiles[0].cloud.points)
            self._tiles = [tile for tile in self._tiles if len(tile.cloud.points) > SPARSE * fullest]

    def _piece(self, middle: Array, radius: float) -> Place | None:
        inside = self._tree.query_ball_point(middle, radius)
        if len(inside) < self._parameters.fewest_points:
            return None
        cloud = self._cloud
        piece = Cloud(cloud.points[inside] - middle, cloud.normals[inside], cloud.resolution, None, cloud.up)
        return Place(piece, se3.from_rotation_translation(np.eye(3), middle + self._origin))


def _middles(points: Array, step: float) -> Array:
    """Middles (M,3) of the points (N,3) in the cells of a grid of that step; one where all fit in one cell."""
    extent = np.ptp(points, axis=0)
    if extent.max() < 2.0 * step:
        middle: Array = points.mean(axis=0, keepdims=True)
        return middle
    cells = np.floor((points - points.min(axis=0)) / step).astype(np.int64)
    _, number = np.unique(cells, axis=0, return_inverse=True)
    count = np.bincount(number.ravel())
    sums = np.stack([np.bincount(number.ravel(), weights=points[:, k]) for k in range(3)], axis=1)
    return np.asarray(sums / count[:, None])
