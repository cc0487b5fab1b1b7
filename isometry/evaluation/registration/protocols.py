"""Registration judged as it is published: 3DMatch and 3DLoMatch scene by scene, and KITTI's pairs 10 m apart.

| figure | 3DMatch, 3DLoMatch | KITTI |
| --- | --- | --- |
| RR, registration recall | RMSE < 0.2 m; not of neighbours in time; mean over scenes | < 5 deg and < 2 m; over pairs |
| RRE, RTE | of right pairs; median of each scene, mean over scenes | mean over right pairs |
| IR, inlier ratio of the matches | within 0.1 m; mean over scenes | within 1 m; mean over pairs |
| FMR, feature matching recall | pairs with IR > 5 %; mean over scenes | the same over pairs |

These are the evaluations of Huang et al., "PREDATOR" (CVPR 2021), and Qin et al., "GeoTransformer" (CVPR 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from isometry.arrays import Array
from isometry.datasets.kitti.registration import KittiPair, refined
from isometry.datasets.scan_pair import ScanPair
from isometry.datasets.three_d_match import RIGHT_INLIER_RATIO
from isometry.evaluation.registration.fragments import COUNTED
from isometry.evaluation.registration.measure import Case, Outcome, is_near
from isometry.evaluation.registration.turn import random_turn, source_turned
from isometry.geometry import se3
from isometry.registration.pipeline import Registrar
from isometry.registration.preprocessing import at_resolution, prepare
from isometry.registration.types import Cloud, UnusableCloudError

KITTI_INLIER_M = 1.0


class PointMatches(Protocol):
    """M matches between two clouds."""

    @property
    def target_points(self) -> Array:
        """Points (M,3) in the target's frame."""
        ...

    @property
    def source_points(self) -> Array:
        """Points (M,3) in the source's frame."""
        ...


@runtime_checkable
class Matcher(Protocol):
    """A source of hypotheses that has matches: a feature network."""

    name: str

    def match(self, target: Cloud, source: Cloud) -> PointMatches:
        """Matches between two clouds of one resolution."""
        ...


@dataclass(frozen=True)
class KittiProtocol:
    """The published pairs of scans, turned or not."""

    rotate: str = "none"
    seed: int = 0

    def cases(self, pairs: Sequence[KittiPair]) -> Iterator[Case]:
        """The pairs, whose true transforms are refined by ICP as published: that takes seconds each."""
        for number, each in enumerate(pairs):
            target, source = (each.scans.scan(k)[:, :3] for k in (each.target, each.source))
            frames = int(each.scans.frames[each.target]), int(each.scans.frames[each.source])
            T_target_source = refined(target, source, each.T_target_source)
            upright = ScanPair(target, source, T_target_source, np.zeros(3), np.zeros(3), f"{frames[0]}-{frames[1]}")
            pair = source_turned(upright, random_turn(self.rotate, np.random.default_rng([self.seed, number])))
            yield Case("10 m", *frames, pair, is_near(pair.T_target_source))


def matching(registrar: Registrar, inlier_m: float) -> Callable[[ScanPair], dict[str, float]]:
    """A function that gives the inlier ratio of each network's matches between the clouds of a pair, by its name."""
    networks = [proposer for proposer in registrar.proposers if isinstance(proposer, Matcher)]

    def ratios(pair: ScanPair) -> dict[str, float]:
        if not networks:
            return {}
        try:
            target = prepare(pair.target, registrar.parameters, pair.target_viewpoint)
            source = prepare(pair.source, registrar.parameters, pair.source_viewpoint)
        except UnusableCloudError:
            return {network.name: 0.0 for network in networks}
        resolution = max(target.resolution, source.resolution)
        target, source = at_resolution(target, resolution), at_resolution(source, resolution)
        found = {}
        for network in networks:
            matches = network.match(target, source)
            found[network.name] = inlier_ratio(
                matches.target_points, matches.source_points, pair.T_target_source, inlier_m
            )
        return found

    return ratios


def inlier_ratio(target_points: Array, source_points: Array, T_true: Array, inlier_m: float) -> float:
    """Share of matches (M,3) whose points the true T_target_source brings within so many metres; 0 of none."""
    if not len(target_points):
        return 0.0
    apart = np.linalg.norm(se3.apply(T_true, source_points) - target_points, axis=1)
    return float(np.mean(apart < inlier_m))


def three_d_match_figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The published figures of 3DMatch or 3DLoMatch: means over scenes, and those of each scene under `scenes`."""
    scenes = {
        scene: _scene([o for o in outcomes if o.case.scene == scene])
        for scene in dict.fromkeys(o.case.scene for o in outcomes)
    }
    counted = [o for o in outcomes if o.case.group == COUNTED]
    names = next(iter(scenes.values()))
    return {
        **{name: _mean_of([told[name] for told in scenes.values()]) for name in names if name != "pairs"},
        "registration_recall_over_pairs": _share([o.right for o in counted]),
        "scenes": scenes,
    }


def kitti_figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The published figures of KITTI's pairs."""
    right = [o for o in outcomes if o.right]
    return {
        "registration_recall": _share([o.right for o in outcomes]),
        "mean_rre_deg": _mean([o.rotation_error for o in right]),
        "mean_rte_m": _mean([o.translation_error for o in right]),
        **_matches(outcomes),
    }


def _scene(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    counted = [o for o in outcomes if o.case.group == COUNTED]
    right = [o for o in counted if o.right]
    return {
        "pairs": len(counted),
        "registration_recall": _share([o.right for o in counted]),
        "median_rre_deg": _median([o.rotation_error for o in right]),
        "median_rte_m": _median([o.translation_error for o in right]),
        **_matches(outcomes),
    }


def _matches(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """Inlier ratio and feature matching recall of each network's matches, by its name."""
    ratios = {name: np.array([o.inlier_ratios[name] for o in outcomes]) for name in outcomes[0].inlier_ratios}
    return {
        "inlier_ratio": {name: float(values.mean()) for name, values in ratios.items()},
        "feature_matching_recall": {name: float(np.mean(v > RIGHT_INLIER_RATIO)) for name, v in ratios.items()},
    }


def _mean_of(values: Sequence[Any]) -> Any:
    """Mean over scenes of numbers, or of tables of them name by name."""
    if isinstance(values[0], Mapping):
        return {name: _mean_of([value[name] for value in values]) for name in values[0]}
    return _mean([value for value in values if value is not None])


def _share(values: Sequence[bool]) -> float | None:
    return _mean([float(value) for value in values])


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if len(values) else None
