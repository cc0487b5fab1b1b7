"""A map of keyframes: their images, the poses that fit all relations between them, and where an image was taken."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.depth_egomotion.alignment import Prior, motion_of
from isometry.depth_egomotion.features import matched, pose_of
from isometry.depth_egomotion.graph import KeyframeGraph, Relation
from isometry.depth_egomotion.keyframe import Keyframe, Observed
from isometry.depth_egomotion.places import Places
from isometry.depth_egomotion.tracking import Tracked, track
from isometry.geometry import covariance, se3

# to which a new keyframe is related: at most so many, with so large an overlap and so small a turn
NEIGHBOURS, NEIGHBOUR_OVERLAP, NEIGHBOUR_TURN = 3, 0.35, np.radians(35.0)
AGAIN_OVERLAP, AGAIN_TURN, AGAIN_WAY = 0.8, np.radians(10.0), 0.1  # to go on from an older keyframe, not from a new one
AGAIN_CORNERS = 0.6  # of its corners, that are seen
MERGED = 4.0  # scatters within which surfaces of two images are the same
CANDIDATES, LOOP_CANDIDATES = 5, 3  # keyframes that are compared with an image, and with a new keyframe
LOOP_APART = 10  # keyframes between the ends of a loop that is looked for by appearance
FEWEST_MATCHES = 15  # features that agree on a pose
FEWEST_CORNERS = 25  # corners of the keyframe that are found there
LEAST_SURFACES = 0.6  # share of the surfaces in sight that agree
SAME_M, SAME_RAD = 0.10, 0.10  # poses that are the same place
RIVAL = 0.5  # of the support of the best pose, with which another one makes it doubtful
FREE = covariance.independent(1.0, 1.0)  # information of a camera that may be anywhere near
LATE = np.full(6, 0.002)  # metres and radians from the colour to the depth image, of a camera of unknown speed
# metres and radians by which neighbouring keyframes, and all of a map, are wrong
BETWEEN, MAP_ERRS = covariance.independent(0.01, 0.005), covariance.independent(0.01, 0.008)
DISPLACED, TYPICAL_M = 0.03, 2.0  # share of the way, and metres of depth
UNTIED = covariance.independent(3.0, 1.0)  # of a keyframe whose place is only thought to be known


@dataclass(frozen=True, eq=False)
class Located:
    """Where an image was taken, by one keyframe."""

    keyframe: int
    tracked: Tracked
    T_map_camera: Array  # (4,4) by all keyframes that show the place
    covariance: Array  # (6,6) of it, along the camera's axes
    support: int  # corners that agree
    rival: Array | None = None  # (4,4) T_map_camera of another place that looks nearly as much like it


class KeyframeMap:
    """Keyframes and the graph of their poses. Of those beyond the newest `kept` ones the pose alone remains."""

    def __init__(self, kept: int = 1000) -> None:
        self._kept = kept
        self.keyframes: dict[int, Keyframe] = {}  # by their numbers
        self.graph = KeyframeGraph()
        self._places = Places()
        self._parts: list[int] = []  # of each keyframe: those of one part are tied together by what was seen
        self._related: set[tuple[int, int]] = set()
        self._restored = 0  # keyframes of a saved map, which are never left out

    def __len__(self) -> int:
        return len(self.keyframes)

    def together(self, first: int, second: int) -> bool:
        """Whether two keyframes are tied together by what was seen."""
        return self._parts[first] == self._parts[second]

    # Making the map.
    @property
    def parts(self) -> Sequence[int]:
        """The part of the map that each keyframe belongs to; nothing that was seen ties one part to another."""
        return tuple(self._parts)

    def add(self, keyframe: Keyframe, T_map_keyframe: Array, part: int = 0) -> int:
        """The number of a new keyframe at a pose (4,4), which has no relation to the others yet."""
        number = self.graph.add(T_map_keyframe)
        self._parts.append(part)
        self.keyframes[number] = keyframe
        self._places.add(number, keyframe.features)
        return number

    def restore(self, keyframe: Keyframe | None, T_map_keyframe: Array, part: int) -> None:
        """Add a keyframe of a saved map; None: it was left out, and its pose alone remains."""
        if keyframe is None:
            self.graph.add(T_map_keyframe)
            self._parts.append(part)
        else:
            self.add(keyframe, T_map_keyframe, part)
        self._restored = len(self.graph)

    def _forget(self) -> None:
        """Leave out the oldest keyframes beyond those that are kept."""
        new = [number for number in sorted(self.keyframes) if number >= self._restored]
        for number in new[: -self._kept]:
            del self.keyframes[number]
            self._places.remove(number)

    def extend(self, keyframe: Keyframe, observed: Observed, last: int, tracked: Tracked, loops: bool) -> int:
        """The number of a new keyframe, which is where `tracked` says relative to the `last` one.

        With `loops`, it is related to its neighbours as well, and to where the camera was before, if it was; then all
        keyframes move to where they fit best.
        """
        T_map_keyframe = self._T_map_camera(last, tracked)
        neighbours = [number for number in self.neighbours(T_map_keyframe) if number != last][:NEIGHBOURS]
        number = self.add(keyframe, T_map_keyframe, self._parts[last])
        self.tie(Relation(last, number, tracked.T_keyframe_camera, tracked.covariance))
        if loops:
            self._close_loops(number, neighbours, observed)
        self.graph.optimise()
        self._forget()
        return number

    def _close_loops(self, number: int, neighbours: Sequence[int], observed: Observed) -> None:
        """Relate a keyframe, of which `observed` is the image, to its neighbours and to the same place long before."""
        for other in neighbours:
            found = track(
                self.keyframes[other], observed, [self.graph.relative(other, number)], _anywhere, search=False
            )
            if _sure(found):
                self.tie(Relation(other, number, found.T_keyframe_camera, found.covariance))
        part = self._parts[number]
        first = self._parts.index(part) if part else 0  # what is before a part of the map is worth looking at
        loop = self.locate(observed, max(number - LOOP_APART, first), neighbours, LOOP_CANDIDATES)
        if loop is not None and loop.rival is None:
            there = loop.tracked
            self.tie(Relation(loop.keyframe, number, there.T_keyframe_camera, there.covariance))

    def measure_again(self, number: int, observed: Observed, tracked: Tracked) -> None:
        """The surfaces of a keyframe become the mean of what all images since show of them."""
        keyframe, alignment = self.keyframes[number], tracked.alignment
        T_keyframe_depth = tracked.T_keyframe_camera @ alignment.T_colour_depth
        gate = MERGED * alignment.surfaces.scatter
        surfaces = keyframe.surfaces.merged(observed.surfaces, keyframe.matrix, T_keyframe_depth, gate)
        self.keyframes[number] = replace(keyframe, surfaces=surfaces)

    def relate(self, first: int, second: int, T_first_second: Array, by_first: Tracked, by_second: Tracked) -> None:
        """Two keyframes that show the same image: their relation (4,4) follows from its poses relative to both."""
        T_camera_second = se3.inverse(by_second.T_keyframe_camera)
        errs = covariance.propagated(by_first.covariance + by_second.covariance, T_camera_second)
        self.tie(Relation(first, second, T_first_second, errs))
        self.graph.optimise()

    def go_on(self, keyframe: Keyframe, last: int, T_map_keyframe: Array) -> int:
        """The number of a new keyframe whose place (4,4) is only thought to be known: nothing ties it to others."""
        number = self.add(keyframe, T_map_keyframe, max(self._parts) + 1)
        self.graph.relate(Relation(last, number, self.graph.relative(last, number), UNTIED))
        return number

    def restore_relation(self, relation: Relation) -> None:
        """Take a relation of a saved map, whose parts are known."""
        self._related.add(_ends(relation))
        self.graph.relate(relation)

    def tie(self, relation: Relation) -> None:
        """Take a relation that was seen. The same two keyframes seen once more tell nothing new."""
        if _ends(relation) in self._related:
            return
        self._related.add(_ends(relation))
        self.graph.relate(relation)
        one, other = sorted((self._parts[relation.first], self._parts[relation.second]))
        self._parts = [one if part == other else part for part in self._parts]

    # Finding a camera in it.
    def neighbours(self, T_map_camera: Array) -> list[int]:
        """Keyframes that show much of what a camera (4,4) sees, by their overlap, the largest first."""
        numbers = np.array(sorted(self.keyframes), np.int64)
        T = se3.inverse(self.graph.T_map_keyframe[numbers]) @ T_map_camera
        turned = Rotation.from_matrix(T[:, :3, :3]).magnitude()
        found = []
        for number, T_keyframe_camera in zip(numbers[turned < NEIGHBOUR_TURN], T[turned < NEIGHBOUR_TURN], strict=True):
            keyframe = self.keyframes[int(number)]
            if np.linalg.norm(T_keyframe_camera[:3, 3]) < keyframe.distance:  # else it shows little of the same
                overlap = keyframe.overlap(T_keyframe_camera)
                if overlap > NEIGHBOUR_OVERLAP:
                    found.append((overlap, int(number)))
        return [number for _, number in sorted(found, reverse=True)]

    def seen_again(self, observed: Observed, T_map_camera: Array, but: int) -> tuple[int, Tracked] | None:
        """An older keyframe that shows nearly the same as a camera (4,4) sees, and the pose relative to it."""
        for number in self.neighbours(T_map_camera):
            keyframe = self.keyframes[number]
            T = se3.inverse(self.graph.T_map_keyframe[number]) @ T_map_camera
            near = np.linalg.norm(T[:3, 3]) < AGAIN_WAY * keyframe.distance and se3.rotation_angle(T) < AGAIN_TURN
            if number == but or not near or keyframe.overlap(T) < AGAIN_OVERLAP:
                continue
            found = track(keyframe, observed, [T], _anywhere, search=False)
            enough = found.alignment.corners.agree >= AGAIN_CORNERS * len(keyframe.points)
            return (number, found) if enough and _sure(found) else None
        return None

    def locate(
        self,
        observed: Observed,
        before: int | None = None,
        without: Collection[int] = (),
        candidates: int = CANDIDATES,
        first_part: bool = False,
    ) -> Located | None:
        """Where an image was taken, by its looks alone.

        With `before`, by keyframes before that number only; by none of `without`; with `first_part`, by those whose
        place in the map is known.
        """
        if first_part:
            without = {*without, *(number for number, part in enumerate(self._parts) if part)}
        found: dict[int, Tracked] = {}
        for number in self._places.candidates(observed.features, candidates, before, without):
            keyframe = self.keyframes[number]
            guess = pose_of(matched(keyframe.features, observed.features), observed.frame.matrix)
            if guess is not None and len(guess[1].points) >= FEWEST_MATCHES:
                tracked = track(keyframe, observed, [guess[0]], _anywhere, search=False)
                if _sure(tracked):
                    found[number] = tracked
        if not found:
            return None
        best = max(found, key=lambda number: _support(found[number]))
        rival = self._rival(found, best)
        if rival is None:
            for number in self.neighbours(self._T_map_camera(best, found[best]))[:NEIGHBOURS]:
                if number not in found and number not in without and (before is None or number < before):
                    T = self.graph.relative(number, best) @ found[best].T_keyframe_camera
                    tracked = track(self.keyframes[number], observed, [T], _anywhere, search=False)
                    if _sure(tracked):
                        found[number] = tracked
        T_map_camera, errs = self._mean(found, best)
        return Located(best, found[best], T_map_camera, errs, _support(found[best]), rival)

    def _T_map_camera(self, number: int, tracked: Tracked) -> Array:
        return self.graph.in_map(number, tracked.T_keyframe_camera)

    def _rival(self, found: dict[int, Tracked], best: int) -> Array | None:
        """The pose (4,4) in the map by another keyframe, elsewhere, that has nearly as much for it as the best one."""
        T_map_camera = self._T_map_camera(best, found[best])
        for number, tracked in found.items():
            T_other = self._T_map_camera(number, tracked)
            metres, radians = se3.distance(T_map_camera, T_other)
            apart = metres > SAME_M or radians > SAME_RAD
            if apart and _support(tracked) > RIVAL * _support(found[best]):
                return T_other
        return None

    def _mean(self, found: dict[int, Tracked], best: int) -> tuple[Array, Array]:
        """The pose (4,4) in the map by all keyframes that agree with the best one, and its covariance (6,6)."""
        T_map_camera = self._T_map_camera(best, found[best])
        information, weighted = np.zeros((6, 6)), np.zeros(6)
        for number, tracked in found.items():
            motion = motion_of(se3.inverse(T_map_camera) @ self._T_map_camera(number, tracked))
            if np.linalg.norm(motion[:3]) < SAME_M and np.linalg.norm(motion[3:]) < SAME_RAD:
                errs = np.linalg.inv(tracked.covariance + BETWEEN)
                information, weighted = information + errs, weighted + errs @ motion
        errs = np.linalg.inv(information)
        return T_map_camera @ se3.moved(errs @ weighted), errs + MAP_ERRS


def _ends(relation: Relation) -> tuple[int, int]:
    return min(relation.first, relation.second), max(relation.first, relation.second)


def _support(tracked: Tracked) -> int:
    """Corners that agree on a pose."""
    return tracked.alignment.corners.agree


def _anywhere(guess: Array) -> Prior:
    """Of an image that need not be near the keyframe.

    Depth is wrong in the same way in all images (its scale, its distortion): seen from the same place that is no error,
    and from places apart it displaces all surfaces together, by a share of the way between them.
    """
    away, turned = float(np.linalg.norm(guess[:3, 3])), se3.rotation_angle(guess)
    displaced = DISPLACED * np.repeat([away, away / TYPICAL_M + turned], 3)
    return Prior(guess, FREE, np.zeros(6), np.hypot(LATE, displaced))


def _sure(tracked: Tracked) -> bool:
    """Whether an image and a keyframe show the same place for sure, by nothing but themselves."""
    alignment = tracked.alignment
    enough = alignment.corners.agree >= FEWEST_CORNERS and alignment.surface_share >= LEAST_SURFACES
    return enough and not tracked.doubt
