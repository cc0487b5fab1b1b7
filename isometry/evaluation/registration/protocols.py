"""Registration evaluated by published protocols: 3DMatch and 3DLoMatch by scene, and KITTI's pairs 10 m apart.

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
from isometry.evaluation.common.statistics import mean, median
from isometry.evaluation.registration.fragments import COUNTED
from isometry.evaluation.registration.measure import Case, PairResult, scan_criterion
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
    """A source of hypotheses by matches: a feature network."""

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
            yield Case("10 m", *frames, pair, scan_criterion(pair.T_target_source))


def pair_inlier_ratios(registrar: Registrar, inlier_m: float) -> Callable[[ScanPair], dict[str, float]]:
    """A function that gives, for a pair, the inlier ratio of each network's matches by its name."""
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
    """Share of matches (M,3) whose points are less than `inlier_m` apart at the true T_target_source; 0 without any."""
    if not len(target_points):
        return 0.0
    apart = np.linalg.norm(se3.apply(T_true, source_points) - target_points, axis=1)
    return float(np.mean(apart < inlier_m))


def three_d_match_figures(results: Sequence[PairResult]) -> dict[str, Any]:
    """The published figures of 3DMatch or 3DLoMatch: means over scenes, and those of each scene as `scenes`."""
    scenes = {
        scene: _scene([r for r in results if r.case.scene == scene])
        for scene in dict.fromkeys(r.case.scene for r in results)
    }
    counted = [r for r in results if r.case.group == COUNTED]
    names = next(iter(scenes.values()))
    return {
        **{name: _mean_by_name([of_scene[name] for of_scene in scenes.values()]) for name in names if name != "pairs"},
        "registration_recall_over_pairs": mean([r.right for r in counted]),
        "scenes": scenes,
    }


def kitti_figures(results: Sequence[PairResult]) -> dict[str, Any]:
    """The published figures of KITTI's pairs."""
    right = [r for r in results if r.right]
    return {
        "registration_recall": mean([r.right for r in results]),
        "mean_rre_deg": mean([r.rotation_error for r in right]),
        "mean_rte_m": mean([r.translation_error for r in right]),
        **_matches(results),
    }


def _scene(results: Sequence[PairResult]) -> dict[str, Any]:
    counted = [r for r in results if r.case.group == COUNTED]
    right = [r for r in counted if r.right]
    return {
        "pairs": len(counted),
        "registration_recall": mean([r.right for r in counted]),
        "median_rre_deg": median([r.rotation_error for r in right]),
        "median_rte_m": median([r.translation_error for r in right]),
        **_matches(results),
    }


def _matches(results: Sequence[PairResult]) -> dict[str, dict[str, float]]:
    """Inlier ratio and feature matching recall of each network's matches, by its name."""
    ratios = {name: np.array([r.inlier_ratios[name] for r in results]) for name in results[0].inlier_ratios}
    return {
        "inlier_ratio": {name: float(values.mean()) for name, values in ratios.items()},
        "feature_matching_recall": {name: float(np.mean(v > RIGHT_INLIER_RATIO)) for name, v in ratios.items()},
    }


def _mean_by_name(values: Sequence[Any]) -> Any:
    """Mean over scenes of numbers, or of tables of them name by name."""
    if isinstance(values[0], Mapping):
        return {name: _mean_by_name([value[name] for value in values]) for name in values[0]}
    return mean([value for value in values if value is not None])
