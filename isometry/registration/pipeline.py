"""Registration, top to bottom: two clouds, the transform between them, its covariance and confidence.

    clouds -> points at one resolution, with normals                       preprocessing.py, outliers.py
           -> each in its canonical frame, wherever and however it lies    frames.py
           -> hypotheses, from one source after the other                  upright/, features/
           -> those with which surfaces agree and which no ray contradicts verification.py, visibility.py
           -> small_gicp from the best of them, coarse then fine           candidates.py, refinement.py
           -> rivals: the best of them, shifted and turned elsewhere       rivals.py
           -> transform, covariance, confidence                            calibration.py

Sources are used in turn until the confidence in one transform is at least `beyond_doubt`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.inference import Model, ProviderParameters
from isometry.parameters import check
from isometry.registration import calibration
from isometry.registration.candidates import Candidates
from isometry.registration.features.encoder import NETWORKS, FeatureEncoder
from isometry.registration.features.proposer import FeatureProposer
from isometry.registration.frames import Canonical, canonical, in_given_frames
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.types import Cloud, Hypotheses, Proposer, Registration
from isometry.registration.upright.proposer import UprightProposer
from isometry.registration.verification import CachedCloud

SOURCES = ("upright", *NETWORKS)
DEFAULT_SOURCES = ("upright", "equivariant")  # in the order in which they are used
CACHED_CLOUDS = 6  # clouds whose derived data are kept: places of a map and recent scans


class Registrar:
    """Registers pairs of clouds with the hypotheses of some sources, used in order."""

    def __init__(self, proposers: Sequence[Proposer], parameters: RegistrationParameters) -> None:
        """Raises ValueError for a parameter outside its range."""
        check(parameters)
        self.proposers, self.parameters = proposers, parameters
        self._canonical_clouds: WeakKeyDictionary[Cloud, Canonical] = WeakKeyDictionary()
        self._cached = lru_cache(CACHED_CLOUDS)(lambda cloud: CachedCloud(cloud, parameters.threads))

    @property
    def models(self) -> list[Model]:
        """The networks among the sources of hypotheses."""
        return [proposer.encoder.model for proposer in self.proposers if isinstance(proposer, FeatureProposer)]

    def register(self, target: Cloud, source: Cloud, deadline_s: float = math.inf) -> Registration:
        """The transform from `source` to `target` without an initial estimate. Data derived from a cloud are cached.

        From `deadline_s` on, a time of `time.perf_counter`, no further hypotheses are sought. The best transform until
        then has the reason "out_of_time" where it is not accepted.
        """
        there, here = self._canonical(target), self._canonical(source)
        return in_given_frames(self._register(there.cloud, here.cloud, deadline_s), there, here)

    def _register(self, target: Cloud, source: Cloud, deadline_s: float) -> Registration:
        candidates = self._candidates(target, source)
        spent = {"propose": 0.0, "verify": 0.0}
        result = None
        began = time.perf_counter()
        for proposer in self.proposers:
            for hypotheses in proposer.propose(candidates.target.cloud, candidates.source.cloud):
                proposed = time.perf_counter()
                candidates.add(hypotheses, self.parameters.aligned)
                result = self._without_rival(candidates, self._result(candidates))
                verified = time.perf_counter()
                spent["propose"] += proposed - began
                spent["verify"] += verified - proposed
                began = verified
                if result.confidence >= self.parameters.beyond_doubt:
                    return replace(result, seconds=spent)
                if verified >= deadline_s:
                    return replace(result, reason="ok" if result.accepted else "out_of_time", seconds=spent)
        return replace(result or _no_result(), seconds=spent)

    def _without_rival(self, candidates: Candidates, result: Registration) -> Registration:
        """The result after a search for its rivals, where it would be accepted."""
        if not result.accepted or not candidates.add_rivals():
            return result
        return self._result(candidates)

    def refine(self, target: Cloud, source: Cloud, T_initial: Array) -> Registration:
        """The transform from `source` to `target` near an initial one (4,4): to track a pose, or after recognition."""
        there, here = self._canonical(target), self._canonical(source)
        candidates = self._candidates(there.cloud, here.cloud)
        T_canonical = se3.inverse(there.T_given_canonical) @ T_initial @ here.T_given_canonical
        candidates.add(Hypotheses(T_canonical[None], np.ones(1), "initial"), 1)
        return in_given_frames(self._result(candidates, near_initial=True), there, here)

    def _canonical(self, cloud: Cloud) -> Canonical:
        found = self._canonical_clouds.get(cloud)
        if found is None:
            found = self._canonical_clouds[cloud] = canonical(cloud)
        return found

    def _candidates(self, target: Cloud, source: Cloud) -> Candidates:
        resolution = max(target.resolution, source.resolution)
        return Candidates(self._cached(target).at(resolution), self._cached(source).at(resolution))

    def _result(self, candidates: Candidates, near_initial: bool = False) -> Registration:
        """The best transform so far; `near_initial`: an initial one stands in where the surfaces leave it free."""
        if not candidates.found:
            return _no_result()
        best = candidates.best()
        T_target_source = best.refined.T_target_source
        covariance = calibration.covariance(best.held.information, T_target_source, candidates.resolution)
        determined = 1.0 if near_initial else calibration.determined(covariance, candidates.resolution)
        evidence = best.evidence | {"determined": determined}
        confidence = calibration.confidence(evidence)
        least = self.parameters.least_confidence
        accepted = confidence >= least
        ambiguous = not accepted and calibration.confidence_without_rival(evidence) >= least
        return Registration(
            T_target_source=T_target_source,
            covariance=covariance,
            confidence=confidence,
            accepted=accepted,
            reason="ok" if accepted else "ambiguous" if ambiguous else "low_confidence",
            overlap=evidence["overlap"],
            proposed_by=best.proposed_by,
            alternatives=best.alternatives,
            evidence=evidence,
        )


def load_registrar(
    name: str = "default", parameters: RegistrationParameters | None = None, provider: ProviderParameters | None = None
) -> Registrar:
    """The registrar of one source of hypotheses by its name, or of several in turn for "default".

    `provider` runs the networks; without it the CPU does.

    Raises ValueError for another name, and ModelMismatchError for a network's file that cannot be used.
    """
    chosen = parameters or RegistrationParameters()
    if name not in ("default", *SOURCES):
        raise ValueError(f"no source of hypotheses {name!r}, only {', '.join(('default', *SOURCES))}")
    names = DEFAULT_SOURCES if name == "default" else (name,)
    return Registrar([_proposer(source, chosen.threads, provider) for source in names], chosen)


def _proposer(name: str, threads: int, provider: ProviderParameters | None) -> Proposer:
    if name == "upright":
        return UprightProposer()
    return FeatureProposer(FeatureEncoder(name, threads=threads, provider=provider))


def _no_result() -> Registration:
    return Registration(np.eye(4), np.eye(6) * 1e6, 0.0, False, "no_hypothesis", 0.0, "")
