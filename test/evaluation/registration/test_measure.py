"""Figures of registration against closed forms, on answers whose errors are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.datasets.scan_pair import ScanPair
from isometry.evaluation.registration.measure import Case, figures, measure, scan_criterion
from isometry.evaluation.registration.turn import random_turn, source_turned
from isometry.geometry import se3
from isometry.registration.types import Registration, UnusableCloudError


def cases(count: int, group: str = "5") -> Iterator[Case]:
    for k in range(count):
        T = se3.from_rotation_translation(
            Rotation.from_rotvec([0.1 * k, 1.0, 0.3]).as_matrix(), np.array([3.0, 4.0, 0.0])
        )
        points = np.random.default_rng(k).random((20_000, 3)).astype(np.float32)
        yield Case(group, k, k + 5, ScanPair(points, points, T, np.zeros(3), np.zeros(3), f"{k}"), scan_criterion(T))


@dataclass
class Given:
    """Registers with known errors: the true transform, moved by what `error` says of each pair."""

    error: Callable[[int], tuple[float, float]]  # degrees about, and metres along an axis
    confidence: Callable[[int], float] = lambda k: 1.0
    sigma: float = 0.1

    def __call__(self, pair: ScanPair) -> Registration:
        k = int(pair.name)
        degrees, metres = self.error(k)
        T = pair.T_target_source.copy()
        T[:3, :3] = Rotation.from_rotvec([0.0, np.radians(degrees), 0.0]).as_matrix() @ T[:3, :3]
        T[0, 3] += metres
        confidence = self.confidence(k)
        covariance = np.diag([self.sigma**2] * 3 + [np.radians(1.0) ** 2] * 3)
        return Registration(T, covariance, confidence, confidence > 0.5, "ok", 0.8, "oracle", {}, {"verify": 0.002})


def measured(register: Callable[[ScanPair], Registration], count: int = 20) -> dict[str, Any]:
    return figures(measure(cases(count), register), "gaps")


def test_the_truth_has_no_error_and_is_kept() -> None:
    result = measured(Given(lambda k: (0.0, 0.0)))
    group = result["gaps"]["5"]
    assert (group["n"], group["success"], group["accepted"], group["right_kept"]) == (20, 1.0, 1.0, 1.0)
    assert group["rre_deg"] == pytest.approx(0.0, abs=1e-6)
    assert group["rte_m"] == pytest.approx(0.0, abs=1e-9)
    assert group["distance_m"] == pytest.approx(5.0)
    assert group["misses"] == []
    assert group["by_source"] == {"oracle": {"answers": 20, "right": 20}}
    assert group["stages_ms"] == {"verify": 2.0}
    assert (
        result["wrong_accepted"] == result["wrong_accepted_at_95_kept"] == result["expected_calibration_error"] == 0.0
    )


def test_errors_are_medians_over_all_pairs_and_over_the_right_ones() -> None:
    # 0, 1, ... 9 degrees: five of ten are right; 0.1 m each
    group = measured(Given(lambda k: (float(k), 0.1)), 10)["gaps"]["5"]
    assert group["success"] == 0.5
    assert group["rre_deg"] == pytest.approx(4.5)
    assert group["rre_deg_of_right"] == pytest.approx(2.0)
    assert group["rte_m"] == pytest.approx(0.1)
    assert [(miss["target"], miss["source"]) for miss in group["misses"]] == [(k, k + 5) for k in range(5, 10)]
    assert group["misses"][0]["rre_deg"] == pytest.approx(5.0)


@pytest.mark.parametrize(("degrees", "metres", "right"), [(4.99, 1.99, True), (5.01, 0.0, False), (0.0, 2.01, False)])
def test_right_is_less_than_five_degrees_and_two_metres(degrees: float, metres: float, right: bool) -> None:
    assert measured(Given(lambda k: (degrees, metres)), 1)["gaps"]["5"]["success"] == float(right)


def test_a_threshold_that_keeps_95_percent_lets_in_what_is_above_it() -> None:
    # Of 40 pairs, every fourth is wrong. Right ones claim 0.70 to 0.99; wrong ones 0.10, but one 0.72 and one 0.95.
    wrong = range(0, 40, 4)
    claims = dict(zip((k for k in range(40) if k not in wrong), np.linspace(0.70, 0.99, 30), strict=True))
    claims |= dict.fromkeys(wrong, 0.1) | {0: 0.95, 4: 0.705}
    register = Given(lambda k: (90.0 if k in wrong else 0.0, 0.0), lambda k: float(claims[k]))
    result = measured(register, 40)
    assert result["threshold_at_95_kept"] == pytest.approx(0.71)  # the second lowest: 29 of 30 are kept
    assert result["wrong_accepted_at_95_kept"] == 1 / 40
    assert result["wrong_accepted"] == 2 / 40  # above the method's own 0.5
    assert result["right_kept"] == 1.0


def test_sigmas_are_compared_axis_by_axis_in_the_frame_of_the_target() -> None:
    within = measured(Given(lambda k: (1.9, 0.19)))["inside_2_sigma"]
    assert within == dict.fromkeys(("x", "y", "z", "roll", "pitch", "yaw"), 1.0)
    outside = measured(Given(lambda k: (2.1, 0.21)))["inside_2_sigma"]
    assert outside == {**within, "x": 0.0, "pitch": 0.0}


def test_a_confidence_that_comes_true_is_calibrated_and_one_that_boasts_is_not() -> None:
    half_wrong = lambda k: (90.0 * (k % 2), 0.0)  # noqa: E731
    assert measured(Given(half_wrong, lambda k: 0.5))["expected_calibration_error"] == pytest.approx(0.0)
    assert measured(Given(half_wrong, lambda k: 0.9))["expected_calibration_error"] == pytest.approx(0.4)


def test_a_refused_cloud_is_a_miss_that_says_why_and_the_figures_are_json() -> None:
    def refuse(pair: ScanPair) -> Registration:
        if int(pair.name) < 12:
            raise UnusableCloudError("a cloud has 3 finite points")
        return Given(lambda k: (0.0, 0.0))(pair)

    result = measured(refuse)
    group = result["gaps"]["5"]
    assert (group["success"], group["refused"], group["wrong_accepted"]) == (0.4, 12, 0.0)
    assert group["rre_deg"] is None  # more than half of all have no answer: no median
    assert group["misses"][0]["reason"] == "a cloud has 3 finite points"
    assert group["by_source"] == {"none": {"answers": 12, "right": 0}, "oracle": {"answers": 8, "right": 8}}
    json.dumps(result, allow_nan=False)


def test_nothing_right_leaves_gaps_and_no_exception() -> None:
    result = measured(Given(lambda k: (90.0, 0.0), lambda k: 0.0))
    assert result["right_kept"] is None
    assert result["wrong_accepted_at_95_kept"] is None
    assert result["inside_2_sigma"]["x"] is None
    json.dumps(result, allow_nan=False)


def test_groups_are_separate_and_points_are_kept_of_misses_only() -> None:
    register = Given(lambda k: (90.0 * (k == 1), 0.0))
    results = measure([*cases(2, "5"), *cases(4, "20")], register)
    result = figures(results, "gaps")
    assert {group: of_group["n"] for group, of_group in result["gaps"].items()} == {"5": 2, "20": 4}
    assert [0 < len(o.case.pair.source) <= 6000 for o in results] == [o.case.target == 1 for o in results]


def test_the_error_does_not_depend_on_how_the_source_is_turned(random: np.random.Generator) -> None:
    case = next(cases(1))
    for kind in ("none", "yaw", "so3"):
        turned = source_turned(case.pair, random_turn(kind, random))
        places = se3.apply(turned.T_target_source, turned.source.astype(np.float64))
        expected = se3.apply(case.pair.T_target_source, case.pair.source.astype(np.float64))
        np.testing.assert_allclose(places, expected, atol=1e-6)
        register = Given(lambda k: (3.0, 1.0))
        error = se3.error(register(turned).T_target_source, turned.T_target_source)
        np.testing.assert_allclose(error, [1.0, 0.0, 0.0, 0.0, np.radians(3.0), 0.0], atol=1e-9)


def test_turns_are_what_they_are_called() -> None:
    random = np.random.default_rng(0)
    np.testing.assert_array_equal(random_turn("none", random), np.eye(4))
    turned = np.array([random_turn("yaw", random)[:3, 2] for _ in range(5)])
    np.testing.assert_allclose(turned, [[0.0, 0.0, 1.0]] * 5, atol=1e-12)
    directions = np.array([random_turn("so3", random)[:3, :3] for _ in range(4000)])
    np.testing.assert_allclose(directions.mean(axis=0), 0.0, atol=0.04)
    # evenly over SO(3), the mean angle is pi/2 + 2/pi (Miles, 1965)
    angles = Rotation.from_matrix(directions).magnitude()
    assert angles.mean() == pytest.approx(np.pi / 2 + 2 / np.pi, abs=0.03)
    with pytest.raises(ValueError, match="'sideways': it must be one of none, yaw, so3"):
        random_turn("sideways", random)
