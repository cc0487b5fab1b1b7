"""The best hypotheses of all sources for one pair, each aligned, and the evidence for the best of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.refinement import Refined, refine
from isometry.registration.types import Hypotheses
from isometry.registration.verification import CachedCloud, agreement

# Distances in units of the resolution
HYPOTHESIS_TOLERANCE, ALIGNED_TOLERANCE, FINAL_TOLERANCE = 3.0, 1.5, 1.0
HYPOTHESIS_SAMPLE, ALIGNED_SAMPLE, FINAL_SAMPLE = 300, 600, 1500  # points of each cloud that are compared
COARSE_TARGET, COARSE_SOURCE, COARSE_REACH, COARSE_ITERATIONS = 2.0, 3.0, 8.0, 12
FINE_REACHES, FINE_ITERATIONS = (2.5, 1.25), 20
LEAST_DISTINCTNESS = 0.02  # share of the score by which the best exceeds the second best; less is noise
APART, APART_RADIANS = 5.0, float(np.radians(5.0))  # transforms closer than both are the same


@dataclass(frozen=True)
class Candidate:
    """A hypothesis after a coarse alignment."""

    T_target_source: Array  # (4,4)
    score: float  # agreement of the two clouds
    proposed_by: str


@dataclass(frozen=True)
class Chosen:
    """The best candidate after a fine alignment, and the evidence for and against it."""

    refined: Refined
    proposed_by: str
    evidence: dict[str, float]


class Candidates:
    """Collects candidates of one pair of clouds of the same resolution."""

    def __init__(self, target: CachedCloud, source: CachedCloud) -> None:
        self.target, self.source = target, source
        self.resolution = target.cloud.resolution
        self.found: list[Candidate] = []
        self._refined_candidate: Candidate | None = None
        self._refined: Refined

    def add(self, hypotheses: Hypotheses, count: int) -> None:
        """Score all hypotheses by the agreement of the clouds, align the `count` best distinct ones and keep those."""
        transforms = hypotheses.T_target_source
        if not len(transforms):
            return
        score = agreement(
            self.target, self.source, transforms, HYPOTHESIS_TOLERANCE * self.resolution, HYPOTHESIS_SAMPLE
        ).score
        chosen = distinct(transforms, score, count, self.resolution)
        target = self.target.surface(COARSE_TARGET * self.resolution)
        source = self.source.surface(COARSE_SOURCE * self.resolution)
        reach = COARSE_REACH * self.resolution
        aligned = np.array([refine(target, source, transforms[k], reach, COARSE_ITERATIONS)[0] for k in chosen])
        for T_target_source, aligned_score in zip(aligned, self._aligned_score(aligned), strict=True):
            self.found.append(Candidate(T_target_source, float(aligned_score), hypotheses.proposed_by))

    def best(self) -> Chosen:
        """The candidate of the highest score, finely aligned. There must be one."""
        best = max(self.found, key=lambda candidate: candidate.score)
        if best is not self._refined_candidate:  # often the same while hypotheses are added
            self._refined_candidate, self._refined = best, self._refine(best.T_target_source)
        return Chosen(self._refined, best.proposed_by, self._evidence(self._refined))

    def _refine(self, T_target_source: Array) -> Refined:
        target, source = self.target.surface(self.resolution), self.source.surface(self.resolution)
        for reach in FINE_REACHES:
            refined = refine(target, source, T_target_source, reach * self.resolution, FINE_ITERATIONS)
            T_target_source = refined.T_target_source
        return refined

    def _evidence(self, refined: Refined) -> dict[str, float]:
        transform = refined.T_target_source
        final = agreement(self.target, self.source, transform[None], FINAL_TOLERANCE * self.resolution, FINAL_SAMPLE)
        others = [c.score for c in self.found if not same(c.T_target_source, transform, self.resolution)]
        stiffness = np.linalg.eigvalsh(refined.information[3:, 3:] / max(refined.inliers, 1))[0]
        score = float(self._aligned_score(transform[None])[0])
        distinctness = (score - max(others, default=0.0)) / max(score, 1e-3)
        return {
            "overlap": float(final.overlap[0]),
            "log_overlap": float(np.log(max(final.overlap[0], 1e-3))),
            "contradiction": float(final.contradiction[0]),
            "blind": float(self.target.visible is None and self.source.visible is None),
            "margin": score - max(others, default=0.0),
            "distinctness": float(np.clip(distinctness, -1.0, 1.0)),
            "log_distinctness": float(np.log(np.clip(distinctness, LEAST_DISTINCTNESS, 1.0))),
            "log_stiffness": float(np.log(max(stiffness, 1e-3))),
        }

    def _aligned_score(self, transforms: Array) -> Array:
        return agreement(
            self.target, self.source, transforms, ALIGNED_TOLERANCE * self.resolution, ALIGNED_SAMPLE
        ).score


def same(T_first: Array, T_second: Array, resolution: float) -> bool:
    """Whether two transforms (4,4) are the same but for the noise of an alignment."""
    metres, radians = se3.distance(T_first, T_second)
    return metres < APART * resolution and radians < APART_RADIANS


def distinct(transforms: Array, score: Array, count: int, resolution: float) -> list[int]:
    """Indices of the `count` best of transforms (H,4,4) that are not the same as a better one."""
    kept: list[int] = []
    for k in np.argsort(-score):
        if all(not same(transforms[k], transforms[other], resolution) for other in kept):
            kept.append(int(k))
        if len(kept) == count:
            break
    return kept
