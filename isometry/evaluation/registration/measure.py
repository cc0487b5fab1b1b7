"""Registration measured on pairs with a known transform: success, errors, calibration and time.

Every pair counts: a refused one is a miss with an infinite error. The method's own figures are evaluated too: whether
it accepts right transforms only, and whether confidence and covariance are calibrated.
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
from isometry.evaluation.common.statistics import finite, median
from isometry.evaluation.common.trajectory import RIGHT_DEGREES, RIGHT_METRES
from isometry.geometry import se3
from isometry.geometry.covariance import AXES
from isometry.registration.pipeline import Registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Registration, UnusableCloudError

KEPT = 0.95  # share of the right answers that a threshold on the confidence must keep
POINTS_SHOWN = 6000  # of each cloud of a miss, kept for the report


@dataclass(frozen=True)
class Case:
    """A pair to register, and the criterion of success."""

    group: str  # whose figures the pair belongs to: a gap, a range of overlap
    target: int  # number of the target's frame or fragment
    source: int
    pair: ScanPair
    is_right: Callable[[Array], bool]  # whether a T_target_source (4,4) is a success
    scene: str = ""  # name, where there are several


@dataclass(frozen=True)
class PairResult:
    """A case, its registration and the error of that."""

    case: Case  # without its clouds where right, with thinned ones where wrong
    registration: Registration | None  # None where a cloud was refused
    refusal: str  # the reason; "" where none was refused
    right: bool
    error: Array  # (6,) of `se3.error`; infinite without a registration
    seconds: float  # wall time, from the points to the registration
    processor_seconds: float  # sum over all threads
    inlier_ratios: dict[str, float] = field(default_factory=dict)  # of the matches of each network, by its name

    @property
    def translation_error(self) -> float:
        """Metres between the true and the estimated origin of the source's frame."""
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
        """Confidence of the registration, 0 without one."""
        return 0.0 if self.registration is None else self.registration.confidence

    @property
    def accepted(self) -> bool:
        """Whether there is a registration that was accepted."""
        return self.registration is not None and self.registration.accepted


def scan_criterion(T_true: Array) -> Callable[[Array], bool]:
    """The criterion of success for scans: less than 5 degrees and less than 2 metres from the true transform."""

    def is_right(T_target_source: Array) -> bool:
        metres, radians = se3.distance(T_target_source, T_true)
        return metres < RIGHT_METRES and bool(np.degrees(radians) < RIGHT_DEGREES)

    return is_right


def pair_registration(registrar: Registrar) -> Callable[[ScanPair], Registration]:
    """A function that registers a pair as a user would: it prepares both clouds and registers them."""

    def register(pair: ScanPair) -> Registration:
        target = prepare(pair.target, registrar.parameters, pair.target_viewpoint)
        source = prepare(pair.source, registrar.parameters, pair.source_viewpoint)
        return registrar.register(target, source)

    return register


def networks_of(registrar: Registrar) -> str:
    """Names, sha256 and providers of the registrar's networks, for the provenance of a result."""
    files = [f"{model.name} {model.sha256} on {model.provider}" for model in registrar.models]
    return ", ".join(files) or "no network"


def measure(
    cases: Iterable[Case],
    register: Callable[[ScanPair], Registration],
    match: Callable[[ScanPair], dict[str, float]] | None = None,
) -> list[PairResult]:
    """Register all pairs, one after the other, and compare the results with the true transforms.

    `match` gives the inlier ratio of each network's matches, by its name; its time is not included.
    """
    return [_result(case, register, match) for case in cases]


def _result(
    case: Case,
    register: Callable[[ScanPair], Registration],
    match: Callable[[ScanPair], dict[str, float]] | None,
) -> PairResult:
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
    return PairResult(kept, registration, refusal, right, error, seconds, processor_seconds, ratios)


def _with_points(case: Case, count: int) -> Case:
    """The case with at most `count` points of each cloud, so that many results can be kept."""
    clouds = [
        cloud[:: len(cloud) // count + 1].copy() if count else cloud[:0]
        for cloud in (case.pair.target, case.pair.source)
    ]
    return replace(case, pair=replace(case.pair, target=clouds[0], source=clouds[1]))


def group_figures(results: Sequence[PairResult]) -> dict[str, Any]:
    """The figures of one group of pairs, by the names in the output of the command; None without a value."""
    right = [r for r in results if r.right]
    return {
        "n": len(results),
        "success": len(right) / len(results),
        "rre_deg": median([r.rotation_error for r in results]),
        "rte_m": median([r.translation_error for r in results]),
        "seconds": median([r.seconds for r in results]),
        "processor_seconds": median([r.processor_seconds for r in results]),
        "rre_deg_of_right": median([r.rotation_error for r in right]),
        "rte_m_of_right": median([r.translation_error for r in right]),
        "distance_m": median([r.distance for r in results]),
        **acceptance(results),
        "refused": sum(r.registration is None for r in results),
        "by_source": _by_source(results),
        "stages_ms": _stages(results),
        "misses": [_miss(r) for r in results if not r.right],
    }


def acceptance(results: Sequence[PairResult]) -> dict[str, float | None]:
    """Shares: accepted, wrong and accepted, both of all pairs; accepted of the right ones."""
    right = [r for r in results if r.right]
    return {
        "accepted": sum(r.accepted for r in results) / len(results),
        "wrong_accepted": sum(r.accepted and not r.right for r in results) / len(results),
        "right_kept": sum(r.accepted for r in right) / len(right) if right else None,
    }


def calibration_figures(results: Sequence[PairResult]) -> dict[str, Any]:
    """Over all pairs: acceptance, and the calibration of confidences and covariances; None without a value."""
    confidences = np.array([r.confidence for r in results])
    right = np.array([r.right for r in results])
    threshold = calibration.threshold_keeping(confidences, right, KEPT)
    curve = calibration.reliability_curve(confidences, right)
    return {
        **acceptance(results),
        "threshold_at_95_kept": threshold,
        "wrong_accepted_at_95_kept": (
            None if threshold is None else float(np.mean(~right & (confidences >= threshold)))
        ),
        "inside_2_sigma": inside_two_sigma(results),
        "expected_calibration_error": calibration.expected_calibration_error(confidences, right),
        "reliability": [
            {"pairs": entry.count, "confidence": entry.confidence, "right": entry.accuracy} for entry in curve
        ],
    }


def inside_two_sigma(results: Sequence[PairResult]) -> dict[str, float | None]:
    """Share of the errors of right transforms within two standard deviations, by axis: 0.954 when calibrated."""
    right = [(r.error, r.registration.covariance) for r in results if r.right and r.registration is not None]
    if not right:
        return dict.fromkeys(AXES)
    inside = calibration.inside_two_sigma(np.array([e for e, _ in right]), np.array([c for _, c in right]))
    return dict(zip(AXES, inside.tolist(), strict=True))


def figures(results: Sequence[PairResult], groups_name: str) -> dict[str, Any]:
    """All figures: those of each group as `groups_name`, by the group's name, and those over all pairs."""
    by_group = {
        group: group_figures([r for r in results if r.case.group == group])
        for group in dict.fromkeys(r.case.group for r in results)
    }
    return {groups_name: by_group, **calibration_figures(results)}


def _by_source(results: Sequence[PairResult]) -> dict[str, dict[str, int]]:
    """The number of transforms of each source of hypotheses, and of the right ones among them."""
    counts: dict[str, dict[str, int]] = {}
    for result in results:
        name = result.registration.proposed_by if result.registration is not None else ""
        count = counts.setdefault(name or "none", {"answers": 0, "right": 0})
        count["answers"] += 1
        count["right"] += result.right
    return counts


def _stages(results: Sequence[PairResult]) -> dict[str, float | None]:
    """Median milliseconds of each stage, by its name."""
    durations = [r.registration.seconds for r in results if r.registration is not None]
    names = dict.fromkeys(name for seconds in durations for name in seconds)
    return {name: median([1e3 * seconds[name] for seconds in durations if name in seconds]) for name in names}


def _miss(result: PairResult) -> dict[str, Any]:
    scene = {"scene": result.case.scene} if result.case.scene else {}
    return {
        **scene,
        "target": result.case.target,
        "source": result.case.source,
        "confidence": result.confidence,
        "accepted": result.accepted,
        "rre_deg": finite(result.rotation_error),
        "rte_m": finite(result.translation_error),
        "reason": result.refusal or (result.registration.reason if result.registration is not None else ""),
    }
