"""The best hypotheses of all sources for one pair, each aligned, and the evidence for the best of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.geometry.degeneracy import Held
from isometry.registration.constraint import held
from isometry.registration.refinement import Refined, refine
from isometry.registration.rivals import propose_rivals
from isometry.registration.types import Hypotheses
from isometry.registration.verification import CachedCloud, agreement

# Distances in units of the resolution
HYPOTHESIS_TOLERANCE, ALIGNED_TOLERANCE, FINAL_TOLERANCE = 3.0, 1.5, 1.0
HYPOTHESIS_SAMPLE, ALIGNED_SAMPLE = 300, 600  # points of each cloud that are compared
FINAL_SAMPLE = 3000  # of the best and its closest rival: by fewer, one of two equal places leads by chance
ALONG = 3.0  # of the aligned tolerance, along a surface: beams may be that far apart
COARSE_TARGET, COARSE_SOURCE, COARSE_REACH, COARSE_ITERATIONS = 2.0, 3.0, 8.0, 12
FINE_REACHES, FINE_ITERATIONS = (2.5, 1.25), 20
LEAST_DISTINCTNESS = 0.02  # share of the score by which the best exceeds the second best, that is told apart from less
NEAR_DISTINCTNESS = 0.3  # less, and the second best is aligned as finely as the best before the two are compared
ALIKE_DISTINCTNESS = 0.1  # a candidate this close to the best may be the right one
RIVALS = 6  # candidates elsewhere that are aligned
MOST_ALTERNATIVES = 16
APART, APART_RADIANS = 5.0, float(np.radians(5.0))  # transforms closer than both are the same


@dataclass(frozen=True, eq=False)
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
    held: Held
    evidence: dict[str, float]
    alternatives: Array  # (A,4,4) the other candidates that agree nearly as well, best first


class Candidates:
    """Collects candidates of one pair of clouds of the same resolution."""

    def __init__(self, target: CachedCloud, source: CachedCloud) -> None:
        self.target, self.source = target, source
        self.resolution = target.cloud.resolution
        self.found: list[Candidate] = []
        self._refined: dict[Candidate, tuple[Refined, float]] = {}  # the best is often the same as before
        self._constraints: dict[Candidate, Held] = {}
        self._with_rivals: list[Array] = []  # transforms (4,4) whose rivals were looked for

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

    def add_rivals(self) -> bool:
        """Look for rivals of the best candidate, elsewhere in the target, and add the best of them.

        False where that was done for the same transform before.
        """
        refined, _ = max((self._refine(candidate) for candidate in self._contenders()), key=lambda aligned: aligned[1])
        T_best = refined.T_target_source
        if any(same(T_best, T_before, self.resolution) for T_before in self._with_rivals):
            return False
        self._with_rivals.append(T_best)
        weakest = T_best[:3, :3] @ np.linalg.eigh(refined.information[3:, 3:])[1][:, 0]
        proposed = propose_rivals(self.target.cloud, self.source.cloud, T_best, weakest)
        elsewhere = [T for T in proposed.T_target_source if not same(T, T_best, self.resolution)]
        self.add(Hypotheses(np.array(elsewhere), np.ones(len(elsewhere)), proposed.proposed_by), RIVALS)
        return True

    def best(self) -> Chosen:
        """The candidate of the highest score, finely aligned, and its rivals. There must be one."""
        contenders = [(*self._refine(c), c) for c in self._contenders()]
        refined, score, best = max(contenders, key=lambda contender: contender[1])
        rivals = [c for c in self._ranked() if not self._same(c, refined.T_target_source)]
        finely = {c: s for _, s, c in contenders}
        scores = {c: finely.get(c, c.score) for c in rivals}
        alike = {c: rival for c, rival in scores.items() if rival > (1.0 - ALIKE_DISTINCTNESS) * score}
        return Chosen(
            refined,
            best.proposed_by,
            self._held(best, refined),
            self._evidence(refined, score, max(scores.values(), default=0.0)),
            self._transforms(alike),
        )

    def _held(self, candidate: Candidate, refined: Refined) -> Held:
        if candidate not in self._constraints:
            self._constraints[candidate] = held(self.target, self.source, refined.T_target_source)
        return self._constraints[candidate]

    def _transforms(self, scores: dict[Candidate, float]) -> Array:
        """The distinct ones (A,4,4) among the transforms of candidates with scores, best first."""
        transforms = np.array([candidate.T_target_source for candidate in scores]).reshape(-1, 4, 4)
        return transforms[distinct(transforms, np.array(list(scores.values())), MOST_ALTERNATIVES, self.resolution)]

    def _same(self, candidate: Candidate, T_target_source: Array) -> bool:
        return same(candidate.T_target_source, T_target_source, self.resolution)

    def _ranked(self) -> list[Candidate]:
        return sorted(self.found, key=lambda candidate: -candidate.score)

    def _contenders(self) -> list[Candidate]:
        """The candidate of the highest score and, where its score is near, the best one elsewhere."""
        first, *others = self._ranked()
        near = (1.0 - NEAR_DISTINCTNESS) * first.score
        elsewhere = (c for c in others if c.score > near and not self._same(c, first.T_target_source))
        return [first, *islice(elsewhere, 1)]

    def _refine(self, candidate: Candidate) -> tuple[Refined, float]:
        """A candidate finely aligned, and its score then."""
        if candidate not in self._refined:
            self._refined[candidate] = self._finely_aligned(candidate)
        return self._refined[candidate]

    def _finely_aligned(self, candidate: Candidate) -> tuple[Refined, float]:
        target, source = self.target.surface(self.resolution), self.source.surface(self.resolution)
        T_target_source = candidate.T_target_source
        for reach in FINE_REACHES:
            refined = refine(target, source, T_target_source, reach * self.resolution, FINE_ITERATIONS)
            T_target_source = refined.T_target_source
        return refined, float(self._aligned_score(T_target_source[None], FINAL_SAMPLE)[0])

    def _evidence(self, refined: Refined, score: float, runner_up: float) -> dict[str, float]:
        transform = refined.T_target_source
        final = agreement(self.target, self.source, transform[None], FINAL_TOLERANCE * self.resolution, FINAL_SAMPLE)
        stiffness = np.linalg.eigvalsh(refined.information[3:, 3:] / max(refined.inliers, 1))[0]
        distinctness = (score - runner_up) / max(score, 1e-3)
        return {
            "overlap": float(final.overlap[0]),
            "log_overlap": float(np.log(max(final.overlap[0], 1e-3))),
            "contradiction": float(final.contradiction[0]),
            "blind": float(self.target.visible is None and self.source.visible is None),
            "score": score,
            "margin": score - runner_up,
            "distinctness": float(np.clip(distinctness, -1.0, 1.0)),
            "log_distinctness": float(np.log(np.clip(distinctness, LEAST_DISTINCTNESS, 1.0))),
            "log_stiffness": float(np.log(max(stiffness, 1e-3))),
        }

    def _aligned_score(self, transforms: Array, sample: int = ALIGNED_SAMPLE) -> Array:
        return agreement(self.target, self.source, transforms, ALIGNED_TOLERANCE * self.resolution, sample, ALONG).score


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
