"""The best place for an observation and its rival: the best place elsewhere, which may explain the scan as well.

Where the world repeats itself, a wrong place agrees with the scan as well as the right one would. Only another place
that agrees nearly as well can tell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

import numpy as np

from isometry.arrays import Array, Flags
from isometry.geometry import se3
from isometry.place_recognition.feature_matching import FeatureMatches
from isometry.place_recognition.image_alignment import BlurredImage
from isometry.place_recognition.memory import PlaceMemory
from isometry.place_recognition.parameters import PlaceRecognitionParameters
from isometry.place_recognition.types import Keyframe, Observation
from isometry.place_recognition.verification import PlanarMatch, aligned, verify
from isometry.sensing.birds_eye import BirdsEyeGrid

# Poses in the map further apart than one of these are two answers
APART_METRES, APART_RADIANS = 6.0, float(np.radians(20.0))
STOREY_METRES = 2.4  # of height: less than any storey is high, and more than maps are off where a robot comes back
ALIGNED_RIVALS = 3  # most promising places elsewhere that are aligned, until one stays elsewhere
# Agreement before and after an alignment, below which a place is not accepted whatever its support: an alignment adds a
# few hundredths at most, and costs more than all that comes before it
HOPELESS, HOPELESS_ALIGNED = 0.75, 0.65


def distinct(first: Array, second: Array, radius: float) -> Flags:
    """Whether positions (...,3) are further apart than `radius` metres in the plane, or on two storeys."""
    difference = first - second
    metres = np.hypot(difference[..., 0], difference[..., 1])
    return np.asarray((metres > radius) | (np.abs(difference[..., 2]) > STOREY_METRES))


@dataclass(frozen=True, eq=False)
class Contender:
    """A keyframe that may show the place of an observation."""

    keyframe: Keyframe
    image: BlurredImage
    planar: PlanarMatch
    T_map_query: Array  # (4,4) of the base, by the match

    def elsewhere(self, other: Contender) -> bool:
        """Whether the two put the observation at different places."""
        apart = distinct(self.T_map_query[:3, 3], other.T_map_query[:3, 3], APART_METRES)
        return bool(apart) or se3.distance(self.T_map_query, other.T_map_query)[1] > APART_RADIANS


class Contenders(NamedTuple):
    """The best place, and the best one elsewhere."""

    best: Contender
    rival: Contender | None  # None where all places that were verified agree on the pose


class ContenderSearch:
    """Verifies one observation against keyframes."""

    def __init__(
        self,
        observation: Observation,
        image: BlurredImage,
        memory: PlaceMemory,
        grid: BirdsEyeGrid,
        parameters: PlaceRecognitionParameters,
    ) -> None:
        self._observation, self._image = observation, image
        self._memory, self._grid, self._parameters = memory, grid, parameters

    def among(self, places: list[int]) -> Contenders:
        """The best of at least one keyframe, verified in order, and its rival.

        Once a place agrees well, only so many more are verified as are needed to find a rival: `rivals` keyframes
        from which the best place is out of sight.
        """
        tried: list[Contender] = []
        for k, place in enumerate(places):
            contender = self._verified(place)
            if self._agrees_well(contender):
                best = self.aligned(contender)
                if self._agrees_well(best):
                    tried += self._more_rivals(best, tried, places[k + 1 :])
                    return self._with_rival(best, tried)
            tried.append(contender)
        first, *others = _best_first(tried)[: self._parameters.aligned_places]
        hopeful = [contender for contender in others if contender.planar.agreement >= HOPELESS]
        promising = [self.aligned(contender) for contender in (first, *hopeful)]
        return self._with_rival(max(promising, key=lambda contender: contender.planar.agreement), tried)

    def _agrees_well(self, contender: Contender) -> bool:
        return contender.planar.agreement > self._parameters.good_agreement

    def _more_rivals(self, best: Contender, tried: list[Contender], places: list[int]) -> list[Contender]:
        """As many of the further places, verified, as there are to be rivals beside those that were tried."""
        known = sum(self._out_of_sight(contender.keyframe.identifier, best) for contender in tried)
        further = (place for place in places if self._out_of_sight(place, best))
        return [self._verified(place) for place in islice(further, max(0, self._parameters.rivals - known))]

    def aligned(self, contender: Contender) -> Contender:
        """The contender after the alignment of the images."""
        return self._contender(
            contender.keyframe, contender.image, aligned(contender.planar, self._image, contender.image)
        )

    def at(self, keyframe: Keyframe, T_map_query: Array) -> Contender:
        """A keyframe in which the observation is aligned from a pose in the map (4,4)."""
        T_level_map = keyframe.observation.T_level_base @ se3.inverse(keyframe.T_map_base)
        T_level_level = T_level_map @ T_map_query @ se3.inverse(self._observation.T_level_base)
        pose = np.array([*T_level_level[:2, 3], se3.yaw(T_level_level)])
        image = BlurredImage(keyframe.observation.image, self._grid)
        matched = aligned(PlanarMatch(pose, 0.0, 0), self._image, image)
        supporting = FeatureMatches(self._observation, keyframe.observation).supporting(matched.pose)
        return self._contender(keyframe, image, replace(matched, supporting=supporting))

    def _with_rival(self, found: Contender, tried: list[Contender]) -> Contenders:
        elsewhere = [contender for contender in _best_first(tried) if contender.elsewhere(found)]
        if found.planar.agreement < HOPELESS_ALIGNED and elsewhere:
            return Contenders(found, elsewhere[0])
        aligned_elsewhere = (self.aligned(contender) for contender in elsewhere[:ALIGNED_RIVALS])
        # an alignment may end at the best place
        rival = next((contender for contender in aligned_elsewhere if contender.elsewhere(found)), None)
        if rival is None:
            return Contenders(found, None)
        if rival.planar.agreement > found.planar.agreement:
            return Contenders(rival, found)
        return Contenders(found, rival)

    def _out_of_sight(self, place: int, found: Contender) -> bool:
        T_map_base = self._memory.keyframe(place).T_map_base
        radius = self._parameters.place_radius + APART_METRES
        return bool(distinct(T_map_base[:3, 3], found.T_map_query[:3, 3], radius))

    def _verified(self, place: int) -> Contender:
        keyframe = self._memory.keyframe(place)
        image = BlurredImage(keyframe.observation.image, self._grid)
        planar = verify(self._observation, keyframe.observation, self._image, image, self._parameters.hypotheses)
        return self._contender(keyframe, image, planar)

    def _contender(self, keyframe: Keyframe, image: BlurredImage, planar: PlanarMatch) -> Contender:
        T_level_query = se3.from_planar(*planar.pose) @ self._observation.T_level_base
        T_keyframe_query = se3.inverse(keyframe.observation.T_level_base) @ T_level_query
        return Contender(keyframe, image, planar, keyframe.T_map_base @ T_keyframe_query)


def _best_first(contenders: list[Contender]) -> list[Contender]:
    return sorted(contenders, key=lambda contender: -contender.planar.agreement)
