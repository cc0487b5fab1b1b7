"""A map as places: regions of it that a scan can be registered to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.frames import canonical_frame
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.preprocessing import check_usable, resolution_of, usable_points, with_normals
from isometry.registration.types import Cloud
from isometry.relocalization.contradictions import View
from isometry.relocalization.map_levels import MapLevels
from isometry.relocalization.map_rivals import MapRivals, Rivals
from isometry.relocalization.map_surfaces import MapSurfaces
from isometry.relocalization.scan import Scan

TILE_REACHES = 1.5  # radius of a tile over the reach of a scan
TILE_STEP_REACHES = 1.0  # distance between the centres of tiles over the reach of a scan
SPARSE = 0.1  # a tile with a smaller share of the points of the fullest one is left out
MOST_POINTS = 30_000  # of a place; of more, a coarser level of the map is used
MOST_SEARCHED = 300_000  # points of the map in which rivals are looked for
SAMPLE = 300_000  # points of the map by which it is cut into tiles
KEPT_TILES = 16  # tiles that were made last
SAME_REACH = 1.3  # ratio of two reaches, below which the map is cut as before
NEAR_REACHES = 0.1  # way of the robot over the reach, up to which the region around it is used again
KEPT_REGIONS = 8  # around poses: several may be followed


@dataclass(frozen=True)
class Place:
    """A region of the map."""

    cloud: Cloud
    T_map_cloud: Array  # (4,4)


@dataclass(frozen=True, eq=False)
class _Region:
    """The part of a map around a pose."""

    centre: Array  # (3,) metres
    reach: float  # metres
    resolution: float  # metres, of the scans that it is for
    place: Place | None  # None where there are too few points

    def suits(self, centre: Array, reach: float, resolution: float) -> bool:
        """Whether it can stand in for the region around another pose."""
        same = self.resolution == resolution and max(reach, self.reach) < SAME_REACH * min(reach, self.reach)
        return bool(same and np.linalg.norm(centre - self.centre) < NEAR_REACHES * reach)


class Places(Protocol):
    """A map in which a robot is located."""

    def candidates(self, scan: Scan, T_map_last: Array | None, first: int = 0) -> Iterator[Place]:
        """Places that a scan may show, the most likely first; `T_map_last` (4,4) is the robot's last known pose.

        Those before number `first` are left out. Each is made when it is asked for.
        """
        ...

    def around(self, scan: Scan, T_map_base: Array) -> Place | None:
        """The map within a scan's reach of a pose (4,4); None where it has too few points."""
        ...

    def rivals(self, scan: Scan, T_map_base: Array, changed_places: int) -> Iterator[Rivals | None]:
        """Poses anywhere that a scan fits about as well as one (4,4) that was found, as the last item.

        None after each part of the work until then. So many places may have changed since the map was made.
        """
        ...

    def views(self, scan: Scan, T_map_base: Array) -> list[View]:
        """What a scan says against each of the poses (H,4,4), after an alignment."""
        ...


class CloudPlaces:
    """A map that is a cloud, thinned to several resolutions and cut into tiles that overlap, so that one holds a scan.

    The size of tiles follows the reach of the scans: a robot that leaves a narrow place sees more of the map.
    """

    def __init__(
        self, points: NDArray[np.floating], parameters: RegistrationParameters, level: bool = True, reach: float = 0.0
    ) -> None:
        """`points` (N,3) in metres; `level`: z is up; `reach` in metres, 0: that of each scan.

        Raises UnusableCloudError for a map that no scan can be registered to.
        """
        self._parameters, self._reach = parameters, reach
        usable, self.left_out = usable_points(points, parameters)
        """Points of the map that are not used, as they lie far off all others."""
        self._T_map_canonical = canonical_frame(usable)  # in which the map is the same wherever it lies
        T_canonical_map = se3.inverse(self._T_map_canonical)
        self._up = T_canonical_map[:3, 2] if level else None
        self._levels = MapLevels(se3.apply(T_canonical_map, usable), parameters.resolution)
        natural = self._levels.at(parameters.resolution or resolution_of(usable))
        check_usable(natural.points.astype(np.float64), natural.resolution, parameters)
        self._tile_reach, self._tile_centres = 0.0, np.zeros((0, 3))
        self._tiles: OrderedDict[tuple[int, float], Place | None] = OrderedDict()
        self._regions: list[_Region] = []  # around poses, the one used last first
        self._surfaces: MapSurfaces | None = None  # at the resolution of the last search
        self._map_rivals: MapRivals | None = None  # of those

    def candidates(self, scan: Scan, T_map_last: Array | None, first: int = 0) -> Iterator[Place]:
        """The tiles: those nearest to the last known pose first; without one, those with most points first."""
        if not self._levels.suits(scan.cloud.resolution):
            return
        self._cut(self._reach or scan.reach)
        order = np.arange(len(self._tile_centres))
        if T_map_last is not None:
            last = se3.apply(se3.inverse(self._T_map_canonical), T_map_last[None, :3, 3])
            order = np.argsort(np.linalg.norm(self._tile_centres - last, axis=1), kind="stable")
        for number in order[first:]:
            place = self._tile(int(number), scan.cloud.resolution)
            if place is not None:
                yield place
            elif scan.late:
                return

    def around(self, scan: Scan, T_map_base: Array) -> Place | None:
        """The points within reach of the pose; the same as for an earlier scan while the robot is near."""
        reach, resolution = self._reach or scan.reach, scan.cloud.resolution
        centre = se3.apply(se3.inverse(self._T_map_canonical), T_map_base[None, :3, 3])[0]
        region = next((region for region in self._regions if region.suits(centre, reach, resolution)), None)
        if region is None:
            region = _Region(centre, reach, resolution, self._region(centre, reach, resolution))
        else:
            self._regions.remove(region)
        self._regions = [region, *self._regions[: KEPT_REGIONS - 1]]
        return region.place

    def rivals(self, scan: Scan, T_map_base: Array, changed_places: int) -> Iterator[Rivals | None]:
        """Poses in all of the map at which a scan fits about as well as at one (4,4); see `map_rivals.py`."""
        surfaces = self._whole(scan)
        map_rivals = self._map_rivals
        if map_rivals is None:
            yield None
            map_rivals = self._map_rivals = MapRivals(surfaces, self._up)
            yield None
        T_canonical_map = se3.inverse(self._T_map_canonical)
        for rivals in map_rivals.search(scan, T_canonical_map @ T_map_base, changed_places):
            yield None if rivals is None else rivals._replace(poses=self._T_map_canonical @ rivals.poses)

    def views(self, scan: Scan, T_map_base: Array) -> list[View]:
        """What a scan says against each of the poses (H,4,4), after an alignment."""
        surfaces = self._whole(scan)
        prepared = surfaces.prepared(scan.cloud)
        aligned = [surfaces.aligned(prepared, T) for T in se3.inverse(self._T_map_canonical) @ T_map_base]
        return [surfaces.view(scan, prepared, T) for T in aligned]

    def _whole(self, scan: Scan) -> MapSurfaces:
        """All of the map at one resolution; the same as for an earlier scan of that resolution."""
        level = self._levels.thinned_to(MOST_SEARCHED, scan.cloud.resolution)
        if self._surfaces is None or self._surfaces.resolution != level.resolution:
            self._surfaces = MapSurfaces(level.points.astype(np.float64), level.resolution, self._up)
            self._map_rivals = None
        return self._surfaces

    def _cut(self, reach: float) -> None:
        """Choose the centres of the tiles, unless the reach of scans is about the same as before."""
        if max(reach, self._tile_reach) < SAME_REACH * min(reach, self._tile_reach):
            return
        self._tile_reach = reach
        self._tiles.clear()
        points = self._levels.levels[-1].points
        sample = points[:: max(1, len(points) // SAMPLE)].astype(np.float64)
        self._tile_centres = tile_centres(sample, TILE_STEP_REACHES * reach)

    def _tile(self, number: int, resolution: float) -> Place | None:
        key = number, resolution
        if key not in self._tiles:
            self._tiles[key] = self._region(self._tile_centres[number], TILE_REACHES * self._tile_reach, resolution)
        self._tiles.move_to_end(key)
        if len(self._tiles) > KEPT_TILES:
            self._tiles.popitem(last=False)
        return self._tiles[key]

    def _region(self, centre: Array, radius: float, resolution: float) -> Place | None:
        points, found = self._levels.within(centre, radius, resolution, MOST_POINTS)
        if len(points) < self._parameters.fewest_points:
            return None
        region = with_normals(points - centre, found, None, self._up)
        return Place(region, self._T_map_canonical @ se3.from_rotation_translation(np.eye(3), centre))


def tile_centres(points: Array, step: float) -> Array:
    """Centres (M,3) of the points (N,3) in each cell of a grid, those with most points around them first.

    Cells with few points around them are left out. One centre where all points fit in one cell.
    """
    extent = np.ptp(points, axis=0)
    if extent.max() < 2.0 * step:
        centre: Array = points.mean(axis=0, keepdims=True)
        return centre
    cells = np.floor((points - points.min(axis=0)) / step).astype(np.int64) + 1
    shape = cells.max(axis=0) + 2
    numbers, cell, count = np.unique(np.ravel_multi_index(cells.T, shape), return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(cell, weights=points[:, k]) for k in range(3)], axis=1)
    around = np.zeros(len(numbers))
    for offset in product((-1, 0, 1), repeat=3):
        beside = numbers + int(np.dot(offset, [shape[1] * shape[2], shape[2], 1]))
        nearest = np.minimum(np.searchsorted(numbers, beside), len(numbers) - 1)
        around += np.where(numbers[nearest] == beside, count[nearest], 0)
    order = np.argsort(-around, kind="stable")
    order = order[around[order] > SPARSE * around.max()]
    return np.asarray((sums / count[:, None])[order])
