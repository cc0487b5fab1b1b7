"""A place memory as a map: the clouds of its keyframes, searched first where descriptors are similar."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.place_recognition.pipeline import PlaceRecognizer
from isometry.registration.parameters import RegistrationParameters
from isometry.relocalization.contradictions import View
from isometry.relocalization.map_rivals import Rivals
from isometry.relocalization.places import CloudPlaces, Place
from isometry.relocalization.scan import Scan

RECOGNISED_PLACES = 5  # that descriptors propose before the whole map is searched
DISTINCT_REACHES = 0.5  # least distance between two of them over the reach of a scan
GROUND_METRES, GROUND_STEP_METRES = 6.0, 0.3  # radius and spacing of the ground under a keyframe


class MemoryPlaces:
    """The clouds of all keyframes together as a map; places that a scan resembles are candidates before all others."""

    def __init__(self, recognizer: PlaceRecognizer, parameters: RegistrationParameters, reach: float = 0.0) -> None:
        """Raises ValueError for an empty memory, UnusableCloudError for one with too few points to register to."""
        memory = recognizer.memory
        if not len(memory):
            raise ValueError("the place memory is empty: nothing can be located in it")
        self._recognizer, self._poses = recognizer, memory.poses
        # a memory keeps no ground; without it nothing would hold the height of a scan
        ground = _ground(recognizer.parameters.ground_height)
        clouds = []
        for k, T_map_base in enumerate(self._poses):
            observation = memory.keyframe(k).observation
            T_map_level = T_map_base @ se3.inverse(observation.T_level_base)
            clouds.append(se3.apply(T_map_level, ground))
            clouds.append(se3.apply(T_map_level, observation.cloud.astype(np.float64)))
        self.points = np.concatenate(clouds)
        """The clouds of all keyframes and the ground under them, (N,3) metres in the map."""
        self._clouds = CloudPlaces(self.points, parameters, reach=reach)
        self._recognised = 0

    def candidates(self, scan: Scan, T_map_last: Array | None, first: int = 0) -> Iterator[Place]:
        """Places around the keyframes that a scan resembles most, not close to each other; then the whole map."""
        if first == 0:
            around = (self._clouds.around(scan, T_map_base) for T_map_base in self._recognised_poses(scan))
            recognised = [place for place in around if place is not None]
            self._recognised = len(recognised)  # as many numbers are theirs until the next search begins
            yield from recognised
        yield from self._clouds.candidates(scan, T_map_last, max(0, first - self._recognised))

    def around(self, scan: Scan, T_map_base: Array) -> Place | None:
        """The points of all keyframes within reach of the pose."""
        return self._clouds.around(scan, T_map_base)

    def rivals(self, scan: Scan, T_map_base: Array, changed_places: int) -> Iterator[Rivals | None]:
        """Poses in all of the map at which a scan fits about as well as at one (4,4)."""
        return self._clouds.rivals(scan, T_map_base, changed_places)

    def views(self, scan: Scan, T_map_base: Array) -> list[View]:
        """What a scan says against each of the poses (H,4,4), after an alignment."""
        return self._clouds.views(scan, T_map_base)

    def _recognised_poses(self, scan: Scan) -> list[Array]:
        """Poses (4,4) of the keyframes that a scan resembles most, not close to each other."""
        chosen: list[Array] = []
        for T_map_base in self._poses[self._similar_keyframes(scan)]:
            apart = [float(np.linalg.norm((T_map_base - other)[:3, 3])) for other in chosen]
            if len(chosen) < RECOGNISED_PLACES and min(apart, default=np.inf) >= DISTINCT_REACHES * scan.reach:
                chosen.append(T_map_base)
        return chosen

    def _similar_keyframes(self, scan: Scan) -> list[int]:
        """Keyframes, the recognised one first; none for a scan that place recognition cannot use."""
        try:
            match = self._recognizer.recognise(self._recognizer.observe(scan.points, scan.cloud.up))
        except ValueError:
            return []
        recognised = [] if match.keyframe is None else [match.keyframe]
        return [*recognised, *match.candidates]


def _ground(height: float) -> Array:
    """Points (N,3) in the level frame of the ground around the robot, at z = `height`."""
    steps = np.arange(-GROUND_METRES, GROUND_METRES, GROUND_STEP_METRES)
    x, y = (axis.ravel() for axis in np.meshgrid(steps, steps))
    near = np.hypot(x, y) < GROUND_METRES
    return np.column_stack([x[near], y[near], np.full(near.sum(), height)])
