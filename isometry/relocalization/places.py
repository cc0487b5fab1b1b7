"""A map as places: regions of it that a scan can be registered to."""

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

TILE_REACHES = 1.5  # radius of a tile over the reach of a scan
TILE_STEP_REACHES = 1.0  # distance between the centres of tiles over the reach of a scan
REACH_QUANTILE = 0.95  # of the ranges of a scan's thinned points
SPARSE = 0.1  # a tile with a smaller share of the points of the fullest one is left out


@dataclass(frozen=True)
class Scan:
    """A scan in the base frame, as measured and prepared for registration."""

    points: NDArray[np.floating]  # (N,3) metres, as measured
    cloud: Cloud  # thinned; its viewpoint is the sensor's position

    @cached_property
    def reach(self) -> float:
        """Metres from the base within which nearly all of its points lie."""
        return float(np.quantile(np.linalg.norm(self.cloud.points, axis=1), REACH_QUANTILE))


@dataclass(frozen=True)
class Place:
    """A region of the map."""

    cloud: Cloud
    T_map_cloud: Array  # (4,4)


class Places(Protocol):
    """A map in which a robot is located."""

    def candidates(self, scan: Scan, T_map_last: Array | None) -> Iterator[Place]:
        """Places that a scan may show, the most likely first; `T_map_last` (4,4) is the robot's last known pose."""
        ...

    def around(self, scan: Scan, T_map_base: Array) -> Place | None:
        """The map within a scan's reach of a pose (4,4); None where it has too few points."""
        ...


class CloudPlaces:
    """A map that is a cloud. It is thinned once and cut into tiles that overlap, so that one contains a whole scan."""

    def __init__(
        self, points: NDArray[np.floating], parameters: RegistrationParameters, level: bool = True, reach: float = 0.0
    ) -> None:
        """`points` (N,3) in metres; `level`: z is up; `reach` in metres, 0: that of the first scan.

        Raises UnusableCloudError for a map that no scan can be registered to.
        """
        self._parameters, self._up = parameters, np.array([0.0, 0.0, 1.0]) if level else None
        self._origin = np.median(points, axis=0)  # coordinates of a survey are too large for the alignment
        self._points = points - self._origin
        self._finest = prepare(self._points, parameters, None, self._up)
        self._cloud, self._tree = self._finest, cKDTree(self._finest.points)
        self._reach, self._fitted = reach, False
        self._tiles: list[Place] = []

    def candidates(self, scan: Scan, T_map_last: Array | None) -> Iterator[Place]:
        """The tiles: those nearest to the last known pose first; without one, those with most points first."""
        self._fit(scan)
        tiles = self._tiles
        if T_map_last is not None:
            tiles = sorted(tiles, key=lambda tile: float(np.linalg.norm((tile.T_map_cloud - T_map_last)[:3, 3])))
        yield from tiles

    def around(self, scan: Scan, T_map_base: Array) -> Place | None:
        """The points within reach of the pose."""
        self._fit(scan)
        return self._region(T_map_base[:3, 3] - self._origin, self._reach)

    def _fit(self, scan: Scan) -> None:
        """With the first scan, thin the map to the resolution of scans and cut it into tiles."""
        if self._fitted:
            return
        self._fitted = True
        self._reach = self._reach or scan.reach
        resolution = scan.cloud.resolution
        if resolution != self._finest.resolution:
            self._cloud = prepare(self._points, replace(self._parameters, resolution=resolution), None, self._up)
            self._tree = cKDTree(self._cloud.points)
        centres = _centres(self._cloud.points, TILE_STEP_REACHES * self._reach)
        found = [self._region(centre, TILE_REACHES * self._reach) for centre in centres]
        self._tiles = sorted((tile for tile in found if tile is not None), key=lambda tile: -len(tile.cloud.points))
        if self._tiles:
            fullest = len(self._tiles[0].cloud.points)
            self._tiles = [tile for tile in self._tiles if len(tile.cloud.points) > SPARSE * fullest]

    def _region(self, centre: Array, radius: float) -> Place | None:
        inside = self._tree.query_ball_point(centre, radius)
        if len(inside) < self._parameters.fewest_points:
            return None
        cloud = self._cloud
        region = Cloud(cloud.points[inside] - centre, cloud.normals[inside], cloud.resolution, None, cloud.up)
        return Place(region, se3.from_rotation_translation(np.eye(3), centre + self._origin))


def _centres(points: Array, step: float) -> Array:
    """Centres (M,3) of the points (N,3) in each cell of a grid; one centre where all points fit in one cell."""
    extent = np.ptp(points, axis=0)
    if extent.max() < 2.0 * step:
        centre: Array = points.mean(axis=0, keepdims=True)
        return centre
    cells = np.floor((points - points.min(axis=0)) / step).astype(np.int64)
    _, number = np.unique(cells, axis=0, return_inverse=True)
    count = np.bincount(number.ravel())
    sums = np.stack([np.bincount(number.ravel(), weights=points[:, k]) for k in range(3)], axis=1)
    return np.asarray(sums / count[:, None])
