"""Registration measured on pairs with a known transform: how often it is right, how exact, how honest, how fast.

Every pair counts: one that is refused is a miss, and its error is as large as errors get. What a method says of itself
is judged as well: whether it accepts what is right and nothing else, whether its confidence comes true, and whether
errors lie inside of its covariance.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from isometry.arrays import Array
from isometry.datasets.scan_pair import ScanPair
from isometry.evaluation.common import calibration
from isometry.evaluation.common.trajectory import RIGHT_DEGREES, RIGHT_METRES
from isometry.geometry import se3
from isometry.registration.features.proposer import FeatureProposer
from isometry.registration.pipeline import Registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Registration, UnusableCloudError

AXES = ("x", "y", "z", "roll", "pitch", "yaw")
KEPT = 0.95  # share of the right answers that a threshold on the confidence must keep
POINTS_SHOWN = 6000  # of each cloud of a miss, for the report


@dataclass(frozen=True)
class Case:
    """A pair to register, and what its answer is judged by."""

    group: str  # under which its figures are told: a gap, a range of overlap
    target: int  # number of the target's frame or fragment
    source: int
    pair: ScanPair
    is_right: Callable[[Array], bool]  # whether a T_target_source (4,4) is the one
    scene: str = ""  # where there are several


@dataclass(frozen=True)
class Outcome:
    """A case and what became of it."""

    case: Case  # of a right answer without its clouds, of a wrong one with thinned ones
    registration: Registration | None  # None where a cloud was refused
    refusal: str  # why it was; "" where it was not
    right: bool
    error: Array  # (6,) metres along and radians about the target's axes; infinite where there is no answer
    seconds: float  # at wall clock, from the points to the answer
    processor_seconds: float  # of all threads together
    inlier_ratios: dict[str, float] = field(default_factory=dict)  # of matches, by the network that made them

    @property
    def translation_error(self) -> float:
        """Metres between the true place of the source's frame and the estimated one."""
        return float(np.linalg.norm(self.error[:3]))

    @property
    def rotation_error(self) -> float:
        """Degrees."""
        return float(np.degrees(np.linalg.norm(self.error[3:])))

    @property
    def distance(self) -> float:
        """Metres between the frames of the two clouds."""
        return float(np.linalg.norm(self.case.pair.T_target_source[:3, 3]))

    @property
    def confidence(self) -> float:
        """What the answer claims, 0 without one."""
        return 0.0 if self.registration is None else self.registration.confidence

    @property
    def accepted(self) -> bool:
        """Whether the method stands by its answer."""
        return self.registration is not None and self.registration.accepted


def is_near(T_true: Array) -> Callable[[Array], bool]:
    """What is right between scans: less than 5 degrees and less than 2 metres from the truth."""

    def near(T_target_source: Array) -> bool:
        error = se3.error(T_target_source, T_true)
        degrees = np.degrees(np.linalg.norm(error[3:]))
        return bool(degrees < RIGHT_DEGREES and np.linalg.norm(error[:3]) < RIGHT_METRES)

    return near


def registering(registrar: Registrar) -> Callable[[ScanPair], Registration]:
    """All that a user has to do with two clouds: prepare both and register."""

    def register(pair: ScanPair) -> Registration:
        target = prepare(pair.target, registrar.parameters, pair.target_viewpoint)
        source = prepare(pair.source, registrar.parameters, pair.source_viewpoint)
        return registrar.register(target, source)

    return register


def networks_of(registrar: Registrar) -> str:
    """Which files the registrar's networks come from, by name and sha256: what a result says of its model."""
    networks = [proposer for proposer in registrar.proposers if isinstance(proposer, FeatureProposer)]
    files = [f"{network.name} {network.encoder.model.sha256}" for network in networks]
    return ", ".join(files) or "no network"


def measure(
    cases: Iterable[Case],
    register: Callable[[ScanPair], Registration],
    match: Callable[[ScanPair], dict[str, float]] | None = None,
) -> list[Outcome]:
    """Register every pair, one after the other, and judge what comes out.

    `match` gives the inlier ratio of each network's matches, by its name, and takes no part in the time.
    """
    return [_outcome(case, register, match) for case in cases]


def _outcome(
    case: Case,
    register: Callable[[ScanPair], Registration],
    match: Callable[[ScanPair], dict[str, float]] | None,
) -> Outcome:
    registration, refusal = None, ""
    began, worked = time.perf_counter(), time.process_time()
    try:
        registration = register(case.pair)
    except UnusableCloudError as unusable:
        refusal = str(unusable)
    seconds, processor_seconds = time.perf_counter() - began, time.process_time() - worked
    error = np.full(6, np.inf)
    right = False
    if registration is not None:
        error = se3.error(registration.T_target_source, case.pair.T_target_source)
        right = case.is_right(registration.T_target_source)
    kept = _with_points(case, 0 if right else POINTS_SHOWN)
    ratios = {} if match is None else match(case.pair)
    return Outcome(kept, registration, refusal, right, error, seconds, processor_seconds, ratios)


def _with_points(case: Case, count: int) -> Case:
    """The case with at most so many points of each cloud, so that many outcomes can be kept."""
    clouds = [
        cloud[:: len(cloud) // count + 1].copy() if count else cloud[:0]
        for cloud in (case.pair.target, case.pair.source)
    ]
    return replace(case, pair=replace(case.pair, target=clouds[0], source=clouds[1]))


def group_figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The figures of pairs of one kind, named as the command line documents them; None for what has no value."""
    right = [o for o in outcomes if o.right]
    return {
        "n": len(outcomes),
        "success": len(right) / len(outcomes),
        "rre_deg": _median([o.rotation_error for o in outcomes]),
        "rte_m": _median([o.translation_error for o in outcomes]),
        "seconds": _median([o.seconds for o in outcomes]),
        "processor_seconds": _median([o.processor_seconds for o in outcomes]),
        "rre_deg_of_right": _median([o.rotation_error for o in right]),
        "rte_m_of_right": _median([o.translation_error for o in right]),
        "distance_m": _median([o.distance for o in outcomes]),
        **acceptance(outcomes),
        "refused": sum(o.registration is None for o in outcomes),
        "by_source": _by_source(outcomes),
        "stages_ms": _stages(outcomes),
        "misses": [_miss(o) for o in outcomes if not o.right],
    }


def acceptance(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """What the method stands by: of all pairs, of those of them that are wrong, and of the right ones."""
    right = [o for o in outcomes if o.right]
    return {
        "accepted": sum(o.accepted for o in outcomes) / len(outcomes),
        "wrong_accepted": sum(o.accepted and not o.right for o in outcomes) / len(outcomes),
        "right_kept": sum(o.accepted for o in right) / len(right) if right else None,
    }


def honesty(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Over all pairs: acceptance, and whether confidences and covariances come true. None for what has no value."""
    confidences = np.array([o.confidence for o in outcomes])
    right = np.array([o.right for o in outcomes])
    threshold = calibration.threshold_keeping(confidences, right, KEPT)
    curve = calibration.reliability_curve(confidences, right)
    return {
        **acceptance(outcomes),
        "threshold_at_95_kept": threshold,
        "wrong_accepted_at_95_kept": (
            None if threshold is None else float(np.mean(~right & (confidences >= threshold)))
        ),
        "inside_2_sigma": inside_two_sigma(outcomes),
        "expected_calibration_error": calibration.expected_calibration_error(confidences, right),
        "reliability": [
            {"pairs": entry.count, "confidence": entry.confidence, "right": entry.accuracy} for entry in curve
        ],
    }


def inside_two_sigma(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """Share of the errors of right answers that lie within two standard deviations, by axis: 0.954 when calibrated."""
    right = [(o.error, o.registration.covariance) for o in outcomes if o.right and o.registration is not None]
    if not right:
        return dict.fromkeys(AXES)
    inside = calibration.inside_two_sigma(np.array([e for e, _ in right]), np.array([c for _, c in right]))
    return dict(zip(AXES, inside.tolist(), strict=True))


def figures(outcomes: Sequence[Outcome], groups_name: str) -> dict[str, Any]:
    """All figures: those of each group under `groups_name`, keyed by group, and those over all pairs."""
    by_group = {
        group: group_figures([o for o in outcomes if o.case.group == group])
        for group in dict.fromkeys(o.case.group for o in outcomes)
    }
    return {groups_name: by_group, **honesty(outcomes)}


def _by_source(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    """How many answers came from each source of hypotheses, and how many of them are right."""
    counts: dict[str, dict[str, int]] = {}
    for outcome in outcomes:
        name = outcome.registration.proposed_by if outcome.registration is not None else ""
        count = counts.setdefault(name or "none", {"answers": 0, "right": 0})
        count["answers"] += 1
        count["right"] += outcome.right
    return counts


def _stages(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """Median milliseconds of each stage that the method told the time of."""
    told = [o.registration.seconds for o in outcomes if o.registration is not None]
    names = dict.fromkeys(name for seconds in told for name in seconds)
    return {name: _median([1e3 * seconds[name] for seconds in told if name in seconds]) for name in names}


def _miss(outcome: Outcome) -> dict[str, Any]:
    scene = {"scene": outcome.case.scene} if outcome.case.scene else {}
    return {
        **scene,
        "target": outcome.case.target,
        "source": outcome.case.source,
        "confidence": outcome.confidence,
        "accepted": outcome.accepted,
        "rre_deg": _finite(outcome.rotation_error),
        "rte_m": _finite(outcome.translation_error),
        "reason": outcome.refusal or (outcome.registration.reason if outcome.registration is not None else ""),
    }


def _median(values: Sequence[float]) -> float | None:
    return _finite(float(np.median(values))) if len(values) else None


def _finite(value: float) -> float | None:
    """The value; None, as JSON has no infinity, where there is none."""
    return value if np.isfinite(value) else None
