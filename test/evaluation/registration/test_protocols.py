"""The published figures, by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.kitti.registration import open_kitti_registration
from isometry.datasets.scan_pair import ScanPair
from isometry.evaluation.registration.fragments import COUNTED, NEIGHBOURS
from isometry.evaluation.registration.measure import Case, PairResult, scan_criterion
from isometry.evaluation.registration.protocols import (
    KittiProtocol,
    Matcher,
    inlier_ratio,
    kitti_figures,
    pair_inlier_ratios,
    three_d_match_figures,
)
from isometry.geometry import se3
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.pipeline import Registrar
from isometry.registration.types import Cloud, Hypotheses

T_TRUE = se3.from_planar(3.0, -1.0, 0.7)


def result(scene: str, group: str, right: bool, degrees: float, metres: float, ratio: float) -> PairResult:
    nothing = np.zeros((0, 3), np.float32)
    case = Case(group, 0, 1, ScanPair(nothing, nothing, T_TRUE, None, None, ""), scan_criterion(T_TRUE), scene)
    error = np.array([metres, 0.0, 0.0, 0.0, 0.0, np.radians(degrees)])
    return PairResult(case, None, "", right, error, 0.1, 0.1, {"equivariant": ratio})


RESULTS = [
    result("kitchen", COUNTED, True, 1.0, 0.1, 0.5),
    result("kitchen", COUNTED, True, 3.0, 0.3, 0.3),
    result("kitchen", COUNTED, False, 100.0, 9.0, 0.04),
    result("kitchen", COUNTED, True, 2.0, 0.05, 0.2),
    result("kitchen", NEIGHBOURS, True, 0.1, 0.01, 0.9),
    result("hotel", COUNTED, False, 90.0, 2.0, 0.01),
    result("hotel", COUNTED, True, 4.0, 0.2, 0.11),
]


def test_recalls_are_means_over_scenes_without_neighbours_in_time() -> None:
    published = three_d_match_figures(RESULTS)
    assert published["scenes"]["kitchen"]["registration_recall"] == 0.75
    assert published["registration_recall"] == (0.75 + 0.5) / 2
    assert published["registration_recall_over_pairs"] == 4 / 6
    assert published["median_rre_deg"] == pytest.approx((2.0 + 4.0) / 2)
    assert published["median_rte_m"] == pytest.approx((0.1 + 0.2) / 2)
    # matches are judged of all pairs
    assert published["inlier_ratio"]["equivariant"] == pytest.approx((1.94 / 5 + 0.06) / 2)
    assert published["feature_matching_recall"]["equivariant"] == pytest.approx((0.8 + 0.5) / 2)


def test_a_scene_without_a_right_answer_has_no_error_and_a_recall_of_zero() -> None:
    published = three_d_match_figures([*RESULTS[:1], RESULTS[5]])
    assert published["registration_recall"] == 0.5
    assert published["median_rre_deg"] == pytest.approx(1.0)
    assert published["scenes"]["hotel"]["median_rre_deg"] is None


def test_kitti_errors_are_means_over_right_pairs() -> None:
    published = kitti_figures(RESULTS)
    assert published["registration_recall"] == 5 / 7
    assert published["mean_rre_deg"] == pytest.approx(10.1 / 5)
    assert published["mean_rte_m"] == pytest.approx(0.66 / 5)
    assert published["feature_matching_recall"]["equivariant"] == 5 / 7
    assert kitti_figures([replace(RESULTS[2], inlier_ratios={})])["inlier_ratio"] == {}


def test_inliers_are_matches_that_the_truth_brings_together(random: np.random.Generator) -> None:
    source = random.random((100, 3))
    target = se3.apply(T_TRUE, source)
    target[:30, 2] += 0.11
    target[30:60, 2] += 0.09
    assert inlier_ratio(target, source, T_TRUE, 0.1) == 0.7
    assert inlier_ratio(target[:0], source[:0], T_TRUE, 0.1) == 0.0


@dataclass
class Points:
    target_points: np.ndarray
    source_points: np.ndarray


class FirstPoints:
    """Matches the first points with each other."""

    name = "first"

    def propose(self, target: Cloud, source: Cloud) -> list[Hypotheses]:
        return []

    def match(self, target: Cloud, source: Cloud) -> Points:
        assert target.resolution == source.resolution
        return Points(target.points[:10], target.points[:10] if len(source.points) else source.points)


def test_every_network_is_asked_for_its_matches(random: np.random.Generator) -> None:
    points = random.uniform(-5.0, 5.0, (4000, 3)).astype(np.float32)
    pair = ScanPair(points, points[:2000], np.eye(4), None, None, "")
    network = FirstPoints()
    assert isinstance(network, Matcher)
    registrar = Registrar([network], RegistrationParameters())
    assert pair_inlier_ratios(registrar, 0.1)(pair) == {"first": 1.0}
    assert pair_inlier_ratios(registrar, 0.1)(replace(pair, source=points[:5])) == {"first": 0.0}  # refused: no matches
    assert pair_inlier_ratios(Registrar([], RegistrationParameters()), 0.1)(pair) == {}


def test_the_true_transform_of_a_published_pair_is_refined(simulated_kitti: Path) -> None:
    pairs = open_kitti_registration(simulated_kitti, ("00",))[:1]
    (case,) = KittiProtocol("so3").cases(pairs)
    T_upright = pairs[0].T_target_source
    first, second = pairs[0].scans, pairs[0].source
    in_target = se3.apply(case.pair.T_target_source, case.pair.source.astype(np.float64))
    expected = se3.apply(T_upright, first.scan(second)[:, :3].astype(np.float64))
    assert np.abs(in_target - expected).max() < 0.6  # the poses are true already
    assert case.is_right(case.pair.T_target_source)
    assert (case.target, case.source) == (int(first.frames[pairs[0].target]), int(first.frames[second]))
