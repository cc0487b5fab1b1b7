"""Place recognition, top to bottom: a cloud, the places that it resembles, its pose in one, or the reason why not.

    cloud -> bird's-eye image -> descriptor and oriented features        observation.py, encoder.py
          -> candidates by descriptor, of distinct places                 memory.py
          -> poses that feature matches propose, compared on the images   feature_matching.py, verification.py
          -> the best place, aligned, and its rival elsewhere             image_alignment.py, contenders.py
          -> what speaks for the best place and for other ones            evidence.py
          -> registration of the clouds -> pose, covariance, confidence   refinement.py, calibration.py

After BEVPlace (Luo et al., 2023) and BEVPlace++ (2024); here a single match of oriented features gives a pose.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.parameters import check
from isometry.place_recognition import calibration
from isometry.place_recognition.contenders import Contender, ContenderSearch, distinct
from isometry.place_recognition.encoder import BirdsEyeEncoder
from isometry.place_recognition.evidence import evidence_for
from isometry.place_recognition.image_alignment import BlurredImage
from isometry.place_recognition.memory import PlaceMemory
from isometry.place_recognition.observation import observe
from isometry.place_recognition.parameters import PlaceRecognitionParameters
from isometry.place_recognition.position import position_from_distances
from isometry.place_recognition.refinement import refine
from isometry.place_recognition.types import Keyframe, Observation, PlaceMatch, Reason
from isometry.place_recognition.verification import PlanarMatch, aligned

POSITION_CANDIDATES = 20  # nearest descriptors, from which the position is estimated
ANCHOR_LOSS = 0.1  # of agreement that the nearest keyframe may have less


class PlaceRecognizer:
    """Adds places to a memory and recognises them from any direction."""

    def __init__(self, encoder: BirdsEyeEncoder, memory: PlaceMemory, parameters: PlaceRecognitionParameters) -> None:
        """Raises ValueError for a parameter outside its range and for a memory of another model."""
        check(parameters)
        if memory.model_sha256 != encoder.sha256:
            raise ValueError(f"the memory is of model {memory.model_sha256[:12]}, not {encoder.sha256[:12]}")
        self.encoder, self.memory, self.parameters = encoder, memory, parameters

    def observe(self, points: NDArray[np.floating], up: NDArray[np.floating] | None = None) -> Observation:
        """Observation of a cloud (N,3) in metres in the base frame; `up` (3,) points against gravity there.

        Raises ValueError, with the reason, for a cloud that cannot be used.
        """
        return observe(points, self.encoder, self.parameters, up)

    def add_keyframe(self, observation: Observation, T_map_base: Array, stamp_ns: int) -> int:
        """Add a place to the memory; returns its identifier."""
        return self.memory.add(observation, T_map_base, stamp_ns)

    def limited_to(self, places: int) -> PlaceRecognizer:
        """A recogniser with the same memory that verifies at most so many distinct places of each query."""
        fewer = replace(self.parameters, places=min(places, self.parameters.places))
        return PlaceRecognizer(self.encoder, self.memory, fewer)

    def recognise(self, observation: Observation, newest_stamp_ns: int | None = None) -> PlaceMatch:
        """Place and pose of an observation among the keyframes with stamps of at most `newest_stamp_ns`."""
        began = time.perf_counter()
        candidates, distances = self.memory.search(observation.descriptor, self.parameters.candidates, newest_stamp_ns)
        searched = time.perf_counter()
        poses = self.memory.poses  # read once, as this copies the poses of all keyframes
        match = self._verify(observation, candidates, poses, newest_stamp_ns)
        seconds = {"search": searched - began, "verify": time.perf_counter() - searched}
        return replace(
            match,
            position_estimate=self._position(candidates, distances, poses),
            candidates=tuple(int(c) for c in candidates),
            candidate_distances=tuple(float(d) for d in distances),
            seconds=seconds,
        )

    def relate(self, observation: Observation, identifier: int, T_map_initial: Array) -> PlaceMatch:
        """Pose of an observation in a keyframe that is near, from an initial estimate (4,4) of its pose in the map.

        The pose is that of the registration. The alignment of two images is biased towards no motion, by some percent
        of the distance: each image is dense near its own robot and sparse far from it, wherever the robot is.
        """
        keyframe = self.memory.keyframe(identifier)
        T_level_map = keyframe.observation.T_level_base @ se3.inverse(keyframe.T_map_base)
        T_initial = T_level_map @ T_map_initial @ se3.inverse(observation.T_level_base)
        refined = refine(observation, keyframe.observation, T_initial, self.parameters)
        query_image, image = (BlurredImage(o.image, self.encoder.grid) for o in (observation, keyframe.observation))
        pose = np.array([*refined.T_level_level[:2, 3], se3.yaw(refined.T_level_level)])
        planar = aligned(PlanarMatch(pose, 0.0, 0), query_image, image)
        accepted = planar.agreement >= self.parameters.good_agreement and refined.converged
        return _match(observation, keyframe, planar, refined.T_level_level, accepted)

    def _verify(
        self, observation: Observation, candidates: NDArray[np.int64], poses: Array, newest_stamp_ns: int | None
    ) -> PlaceMatch:
        """The match with the best of the candidates (k,), without the results of the search; `poses` (N,4,4)."""
        if not len(candidates):
            return PlaceMatch(accepted=False, reason="empty_memory")
        image = BlurredImage(observation.image, self.encoder.grid)
        search = ContenderSearch(observation, image, self.memory, self.encoder.grid, self.parameters)
        best, rival = search.among(self._distinct_places(candidates, poses))
        best = self._anchored(search, best, poses, newest_stamp_ns)
        evidence = evidence_for(best, rival, image)
        confidence = calibration.confidence(evidence)
        accepted = confidence >= self.parameters.least_confidence
        T_level_level = se3.from_planar(*best.planar.pose)
        if accepted:
            T_level_level = refine(observation, best.keyframe.observation, T_level_level, self.parameters).T_level_level
        match = _match(observation, best.keyframe, best.planar, T_level_level, accepted)
        return replace(
            match,
            reason="ok" if accepted else _refusal(evidence, self.parameters.least_confidence),
            confidence=confidence,
            evidence=evidence,
            rival=None if rival is None else rival.keyframe.identifier,
            T_map_rival=None if rival is None else rival.T_map_query,
        )

    def _position(self, candidates: NDArray[np.int64], distances: NDArray[np.float32], poses: Array) -> Array | None:
        """The query's x and y (2,) in the map by descriptor distances (k,) alone; None without candidates."""
        if not len(candidates):
            return None
        positions = poses[candidates[:POSITION_CANDIDATES], :2, 3]
        return position_from_distances(positions, self.encoder.metres(distances[:POSITION_CANDIDATES]))

    def _distinct_places(self, candidates: NDArray[np.int64], poses: Array) -> list[int]:
        """The candidates in order, without those close to an earlier one: to verify one place twice gains little."""
        position = poses[candidates, :3, 3]
        kept: list[int] = []
        for k in range(len(candidates)):
            if distinct(position[k], position[kept], self.parameters.place_radius).all():
                kept.append(k)
            if len(kept) == self.parameters.places:
                break
        return [int(candidates[k]) for k in kept]

    def _anchored(
        self, search: ContenderSearch, best: Contender, poses: Array, newest_stamp_ns: int | None
    ) -> Contender:
        """The match with the keyframe nearest to the query's pose, which overlaps most with it, if it is as good."""
        distance = np.linalg.norm(poses[:, :3, 3] - best.T_map_query[:3, 3], axis=1)
        if newest_stamp_ns is not None:
            distance[self.memory.stamps_ns > newest_stamp_ns] = np.inf
        nearest = int(distance.argmin())
        if nearest == best.keyframe.identifier:
            return best
        nearer = search.at(self.memory.keyframe(nearest), best.T_map_query)
        metres = float(np.linalg.norm((nearer.T_map_query - best.T_map_query)[:3, 3]))
        as_good = nearer.planar.agreement > best.planar.agreement - ANCHOR_LOSS
        if metres > self.parameters.place_radius or not as_good:
            return best
        supporting = max(nearer.planar.supporting, best.planar.supporting)
        return replace(nearer, planar=replace(nearer.planar, supporting=supporting))


def _refusal(evidence: Mapping[str, float], least_confidence: float) -> Reason:
    """Why a match is refused: for its rival alone, or anyway."""
    ambiguous = calibration.confidence_without_rival(evidence) >= least_confidence
    return "ambiguous" if ambiguous else "low_agreement"


def _match(
    query: Observation,
    keyframe: Keyframe,
    planar: PlanarMatch,
    T_level_level: Array,
    accepted: bool,
) -> PlaceMatch:
    """The match of a query with a keyframe at `T_level_level` (4,4): the query's level frame in the keyframe's."""
    T_keyframe_query = se3.inverse(keyframe.observation.T_level_base) @ T_level_level @ query.T_level_base
    return PlaceMatch(
        accepted=accepted,
        reason="ok" if accepted else "low_agreement",
        keyframe=keyframe.identifier,
        T_keyframe_query=T_keyframe_query,
        T_map_query=keyframe.T_map_base @ T_keyframe_query,
        covariance=calibration.covariance(planar.information, float(planar.pose[2])),
        agreement=planar.agreement,
        supporting=planar.supporting,
    )
