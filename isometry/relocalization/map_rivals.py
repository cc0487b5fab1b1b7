"""Rivals of a pose in all of a map: others at which a scan fits about as well, where the world repeats itself.

A scan that was found somewhere stands upright there, so its rivals are looked for upright, in all of the map. Where it
fits badly, it may have been found lying on its side, and is stood up on each of its large surfaces.

    the pose itself, lifted to each height at which floors of the scan lie on floors
    storeys of the map, one where it has none -> bird's-eye images of each, window by window
    -> shifts and turns at which walls of the scan cover walls -> heights at which its floors lie on floors
    -> the best of these, aligned -> those that agree with the map nearly as well as the pose itself, or where the map
       has gaps but nothing that the scan sees through
    -> where several do, the motions from one to the other lead to further ones, as along a row of rooms
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.candidates import distinct, same
from isometry.registration.types import Cloud
from isometry.registration.upright.birds_eye_correlation import correlate
from isometry.registration.upright.directions import dominant_directions
from isometry.registration.upright.proposer import CELL, LYING_COSINE
from isometry.registration.verification import CachedCloud
from isometry.relocalization.contradictions import Contradictions, contradicted
from isometry.relocalization.map_floors import MapFloors
from isometry.relocalization.map_surfaces import MapSurfaces
from isometry.relocalization.scan import Scan

WINDOW = 256  # cells of an image
WIDEST_SCAN = 80  # cells of a scan in an image, across
YAWS = 90
PEAKS, WINDOW_POSES, PLANAR_POSES = 12, 64, 384  # kept of each turn, each window and of all of the map
WORSE_IMAGE, WORSE = 0.4, 0.7  # shares of the best from which another one may be a rival
WORSE_WITH_GAPS = 0.4  # the same where the map may have gaps, as few places contradict the pose
WORSE_WHERE_KNOWN = 0.65  # and what lies near the map fits it about as well
CUT = 0.85  # share of the best: where one that is left out is as good, not all rivals are found
STOREY_CELL = 2.0  # of the images of a storey, in units of the resolution: rooms are narrower than streets
SAME_STOREY = 4.0  # difference in height, in units of the resolution
WALL_QUANTILES = (0.02, 0.98)  # of the heights of a scan's walls
ALIGNED, MOST_RIVALS = 40, 16  # poses that are aligned, and rivals
BADLY = 0.5  # overlap at the pose, below which the scan may lie on its side
SAME_UP_COSINE = 0.97


class Rivals(NamedTuple):
    """The result of a search."""

    poses: Array  # (R,4,4) T_map_base, best first
    complete: bool  # whether there are no more


class _Storey(NamedTuple):
    """Walls of a map that a scan may stand between."""

    walls: Array  # (N,2) metres
    height: float | None  # of the scan's frame in metres; None where each place has heights of its own
    cell: float  # metres, of an image of them


class _PlanarPose(NamedTuple):
    """Where the walls of a scan cover walls of the map."""

    score: float
    yaw: float  # radians
    place: Array  # (2,) metres
    height: float | None  # of its storey


class _Fit(NamedTuple):
    """How a scan fits a pose."""

    overlap: float  # share of it on surfaces of the map
    contradicted_places: int
    on_surface: float  # share of what lies near the map


class MapRivals:
    """A map prepared for the search."""

    def __init__(self, surfaces: MapSurfaces, up: Array | None) -> None:
        """`up` (3,) is the vertical of the map, None where it is not known."""
        self._surfaces, cloud, self._resolution = surfaces, surfaces.cloud, surfaces.resolution
        vertical = dominant_directions(cloud.normals, oriented=False)[0].axis if up is None else up
        self._T_level_map = se3.from_rotation_translation(se3.levelling_rotation(vertical), np.zeros(3))
        level = se3.apply(self._T_level_map, cloud.points)
        lying = np.abs(cloud.normals @ vertical) > LYING_COSINE
        self._walls, self._floors = level[~lying], MapFloors(level[lying], self._resolution)

    def search(self, scan: Scan, T_map_scan: Array, changed_places: int) -> Iterator[Rivals | None]:
        """The rivals of a pose (4,4) of a scan in its own frame, as the last item; None after each part of the work.

        `changed_places`: so many may have changed since the map was made.
        """
        cached = self._surfaces.prepared(scan.cloud)
        up = (self._T_level_map @ T_map_scan)[2, :3]
        overlap = float(self._surfaces.overlap(cached, T_map_scan[None])[0])
        found, complete = [self._above_and_below(cached.cloud, T_map_scan)], True
        for each in (up, *_other_ups(cached.cloud, up)) if overlap < BADLY else (up,):
            R_level_scan = se3.levelling_rotation(each)
            T_level_scan = se3.from_rotation_translation(R_level_scan, np.zeros(3))
            height = (self._T_level_map @ T_map_scan @ se3.inverse(T_level_scan))[2, 3]
            for part in self._upright(cached.cloud, T_level_scan, height):
                if part is None:
                    yield None
                else:
                    found.append(part.poses)
                    complete &= part.complete
        own = self._fit(scan, cached, T_map_scan, overlap)
        for rivals in self._as_good(scan, cached, T_map_scan, np.concatenate(found), own, changed_places):
            yield None if rivals is None else rivals._replace(complete=rivals.complete and complete)

    def _above_and_below(self, scan: Cloud, T_map_scan: Array) -> Array:
        """Poses (S,4,4) straight above and below one (4,4), at which floors of a scan lie on floors."""
        T_level_scan = self._T_level_map @ T_map_scan
        lying = np.abs(scan.normals @ T_level_scan[2, :3]) > LYING_COSINE
        heights = self._floors.heights(se3.apply(T_level_scan, scan.points[lying]))
        lifted = np.tile(np.eye(4), (len(heights), 1, 1))
        lifted[:, 2, 3] = heights
        return np.asarray(se3.inverse(self._T_level_map) @ lifted @ T_level_scan)

    def _storeys(self, walls: Array, floors: Array) -> Iterator[_Storey]:
        """The walls of the map in each storey where the floors (F,3) of a scan lie on floors, or all in one.

        Those as high as the walls (M,3) of the scan: in an image of a whole building all storeys lie on each other, and
        nearly every shift covers walls.
        """
        heights = self._floors.storeys(floors)
        if len(heights) < 2 or not len(walls):
            yield _Storey(self._walls[:, :2], None, CELL * self._resolution)
            return
        low, high = np.quantile(walls[:, 2], WALL_QUANTILES)
        margin = SAME_STOREY * self._resolution
        for height in heights:
            z = self._walls[:, 2] - height
            inside = (z > low - margin) & (z < high + margin)
            yield _Storey(self._walls[inside, :2], float(height), STOREY_CELL * self._resolution)

    def _upright(self, scan: Cloud, T_level_scan: Array, height: float) -> Iterator[Rivals | None]:
        """Poses in the map of a scan that stands upright by `T_level_scan` (4,4), not aligned, as the last item.

        `height` is that of its frame where it has no floors.
        """
        level = se3.apply(T_level_scan, scan.points)
        lying = np.abs(scan.normals @ T_level_scan[2, :3]) > LYING_COSINE
        T_level_middle = se3.from_rotation_translation(np.eye(3), np.append(level[:, :2].mean(axis=0), 0.0))
        level -= T_level_middle[:3, 3]
        planar: list[_PlanarPose] = []
        for storey in self._storeys(level[~lying], level[lying]):
            for window in _windows(storey, level[~lying, :2]):
                planar += window
                yield None
        planar.sort(key=lambda pose: -pose.score)
        cut = len(planar) > PLANAR_POSES and planar[PLANAR_POSES].score > CUT * planar[0].score
        motions: list[Array] = []
        for pose in planar[:PLANAR_POSES]:
            if pose.score < WORSE_IMAGE * planar[0].score:
                break
            motion = se3.from_planar(float(pose.place[0]), float(pose.place[1]), pose.yaw)
            heights = self._floors.heights(se3.apply(motion, level[lying]))
            if pose.height is not None:
                heights = heights[np.abs(heights - pose.height) < SAME_STOREY * self._resolution]
                height = pose.height
            lifted = np.tile(motion, (max(len(heights), 1), 1, 1))
            lifted[:, 2, 3] = heights if len(heights) else height
            motions.extend(lifted)
        T_map_level = se3.inverse(self._T_level_map)
        poses = T_map_level @ np.array(motions).reshape(-1, 4, 4) @ se3.inverse(T_level_middle) @ T_level_scan
        yield Rivals(poses, not cut)

    def _as_good(
        self, scan: Scan, cached: CachedCloud, T_map_scan: Array, elsewhere: Array, own: _Fit, changed_places: int
    ) -> Iterator[Rivals | None]:
        """The distinct ones of poses (H,4,4), aligned, that a scan fits about as well as its `own`, `T_map_scan`."""
        rough = self._surfaces.rough_overlap(cached, elsewhere)
        order = distinct(elsewhere, rough, ALIGNED + 1, self._resolution)
        cut = len(order) > ALIGNED and rough[order[-1]] > CUT * rough[order[0]]
        aligned = [T_map_scan]
        for k in order[:ALIGNED]:
            aligned.append(self._surfaces.aligned(cached, elsewhere[k]))
            yield None
        poses = yield from self._good(scan, cached, np.array(aligned), own, changed_places)
        motions = poses @ se3.inverse(T_map_scan)
        further = np.concatenate([poses, (motions[:, None] @ poses).reshape(-1, 4, 4)])
        poses = yield from self._good(scan, cached, further, own, changed_places)
        rivals = np.array([T for T in poses if not same(T, T_map_scan, self._resolution)]).reshape(-1, 4, 4)
        yield Rivals(rivals[:MOST_RIVALS], not cut and len(rivals) <= MOST_RIVALS)

    def _good(
        self, scan: Scan, cached: CachedCloud, poses: Array, own: _Fit, changed_places: int
    ) -> Generator[None, None, Array]:
        """The distinct ones (G,4,4) of poses (H,4,4) that a scan fits about as well as its `own`, best first."""
        overlap = self._surfaces.overlap(cached, poses)
        good = []
        for k in distinct(poses, overlap, ALIGNED, self._resolution):
            if overlap[k] < WORSE * own.overlap:
                if scan.visible is None or overlap[k] < WORSE_WITH_GAPS * own.overlap:
                    break
                fit = self._fit(scan, cached, poses[k], float(overlap[k]))
                yield
                fewer = contradicted(fit.contradicted_places, own.contradicted_places, changed_places)
                if fewer or fit.on_surface < WORSE_WHERE_KNOWN * own.on_surface:
                    continue
            good.append(k)
        return np.asarray(poses[good[: MOST_RIVALS + 2]])

    def _fit(self, scan: Scan, cached: CachedCloud, T_map_scan: Array, overlap: float) -> _Fit:
        view = self._surfaces.view(scan, cached, T_map_scan)
        contradictions = Contradictions(self._resolution)
        contradictions.add(0, view)
        return _Fit(overlap, contradictions.places({0}, 1), view.on_surface)


def _other_ups(scan: Cloud, up: Array) -> list[Array]:
    """Directions (3,) in a scan, other than `up` (3,), that may point up."""
    if scan.up is not None:
        return []
    directions = dominant_directions(scan.normals, scan.viewpoint is not None)
    ups = [sign * each.axis for each in directions for sign in ((1.0,) if each.signed else (1.0, -1.0))]
    return [each for each in ups if each @ up < SAME_UP_COSINE]


def _windows(storey: _Storey, walls: Array) -> Iterator[list[_PlanarPose]]:
    """Poses of centred walls (M,2) of a scan in a storey, for each part of it."""
    radius = min(float(np.abs(walls).max(initial=0.0)), WIDEST_SCAN / 2 * storey.cell)
    walls = walls[(np.abs(walls) < radius).all(axis=1)]
    size = WINDOW * storey.cell - 2.0 * radius  # shifted out of it, the scan covers nothing: an image is periodic
    for low in _parts(storey.walls, size, size - 2.0 * radius) if len(walls) and len(storey.walls) else ():
        inside = ((storey.walls >= low) & (storey.walls < low + size)).all(axis=1)
        if not inside.any():
            continue
        centred, middle = storey.walls[inside] - (low + size / 2.0), low + size / 2.0
        apart = 2.0 * storey.cell
        poses = correlate(centred, walls, storey.cell, WINDOW, YAWS, PEAKS, WINDOW_POSES, apart, whitening=0.0)
        yield [
            _PlanarPose(float(score), float(yaw), shift + middle, storey.height)
            for score, yaw, shift in zip(poses.score, poses.yaw, poses.shift, strict=True)
        ]


def _parts(points: Array, size: float, step: float) -> Iterator[Array]:
    """Lower corners (2,) of squares `size` wide, `step` apart, that together hold all points (N,2)."""
    low, high = points.min(axis=0), points.max(axis=0)
    counts = np.maximum(1, np.ceil((high - low - size) / step).astype(int) + 1)
    middle = (low + high) / 2.0
    for number in product(*map(range, counts)):
        yield middle - size / 2.0 + step * (np.array(number) - (counts - 1) / 2.0)
