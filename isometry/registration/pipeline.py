"""Registration, top to bottom: two clouds, the transform between them, how sure it is, or why there is none.

    clouds -> points at one resolution, with normals                       preprocessing.py
           -> hypotheses, from one source after the other                  upright.py, feature_proposer.py
           -> those that surfaces agree with and no ray contradicts        verification.py, visibility.py
           -> small_gicp from the best of them, from coarse to fine        candidates.py, refinement.py
           -> transform, covariance, confidence                            calibration.py

Sources propose until one transform is verified beyond doubt; what they have left is then not asked for.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from isometry.arrays import Array
from isometry.parameters import check
from isometry.registration import calibration
from isometry.registration.candidates import Candidates
from isometry.registration.features.encoder import NETWORKS, FeatureEncoder
from isometry.registration.features.proposer import FeatureProposer
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.types import Cloud, Hypotheses, Proposer, Registration
from isometry.registration.upright.proposer import UprightProposer
from isometry.registration.verification import Scene

SOURCES = ("upright", *NETWORKS)
DEFAULT_SOURCES = ("upright", "equivariant")  # in the order in which they are asked
KEPT_SCENES = 4  # clouds whose derived data are kept: a map, and the scans of the moment


class Registrar:
    """Registers pairs of clouds with the hypotheses of some sources, asked in order."""

    def __init__(self, proposers: Sequence[Proposer], parameters: RegistrationParameters) -> None:
        """Raises ValueError on parameters outside their range."""
        check(parameters)
        self.proposers, self.parameters = proposers, parameters
        self._scene = lru_cache(KEPT_SCENES)(lambda cloud: Scene(cloud, parameters.threads))

    def register(self, target: Cloud, source: Cloud) -> Registration:
        """The transform from `source` to `target` without any guess. What is derived from a cloud is kept with it."""
        candidates = self._candidates(target, source)
        spent = {"propose": 0.0, "verify": 0.0}
        answer = None
        began = time.perf_counter()
        for proposer in self.proposers:
            for hypotheses in proposer.propose(candidates.target.cloud, candidates.source.cloud):
                proposed = time.perf_counter()
                candidates.add(hypotheses, self.parameters.aligned)
                answer = self._answer(candidates)
                verified = time.perf_counter()
                spent["propose"] += proposed - began
                spent["verify"] += verified - proposed
                began = verified
                if answer.confidence >= self.parameters.beyond_doubt:
                    return replace(answer, seconds=spent)
        return replace(answer or _no_answer(), seconds=spent)

    def refine(self, target: Cloud, source: Cloud, T_guess: Array) -> Registration:
        """The transform from `source` to `target` near a guess (4,4): for tracking, and after place recognition."""
        candidates = self._candidates(target, source)
        candidates.add(Hypotheses(np.asarray(T_guess)[None], np.ones(1), "guess"), 1)
        return self._answer(candidates)

    def _candidates(self, target: Cloud, source: Cloud) -> Candidates:
        resolution = max(target.resolution, source.resolution)
        return Candidates(self._scene(target).at(resolution), self._scene(source).at(resolution))

    def _answer(self, candidates: Candidates) -> Registration:
        if not candidates.found:
            return _no_answer()
        best = candidates.best()
        T_target_source = best.refined.T_target_source
        confidence = calibration.confidence(best.evidence)
        accepted = confidence >= self.parameters.least_confidence
        return Registration(
            T_target_source=T_target_source,
            covariance=calibration.covariance(best.refined.information, T_target_source, candidates.resolution),
            confidence=confidence,
            accepted=accepted,
            reason="ok" if accepted else "low_confidence",
            overlap=best.evidence["overlap"],
            proposed_by=best.proposed_by,
            evidence=best.evidence,
        )


def load_registrar(name: str = "default", parameters: RegistrationParameters | None = None) -> Registrar:
    """The registrar of one source of hypotheses by its name, or of several, asked in turn, for "default".

    Raises ValueError for a name that is none, and ModelMismatchError for a network's file that cannot be used.
    """
    chosen = parameters or RegistrationParameters()
    if name not in ("default", *SOURCES):
        raise ValueError(f"no source of hypotheses {name!r}, only {', '.join(('default', *SOURCES))}")
    names = DEFAULT_SOURCES if name == "default" else (name,)
    return Registrar([_proposer(source, chosen.threads) for source in names], chosen)


def _proposer(name: str, threads: int) -> Proposer:
    return UprightProposer() if name == "upright" else FeatureProposer(FeatureEncoder(name, threads=threads))


def _no_answer() -> Registration:
    return Registration(np.eye(4), np.eye(6) * 1e6, 0.0, False, "no_hypothesis", 0.0, "")
