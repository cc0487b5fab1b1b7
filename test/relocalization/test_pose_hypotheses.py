"""Poses that a lost robot follows, and which of them are dropped when it drives on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import cycle, islice, repeat

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.types import Registration
from isometry.registration.verification import Agreement
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.pose_hypotheses import PoseHypotheses
from isometry.relocalization.scan_pose import ScanPose

HALLS = (0.0, 50.0, 100.0)  # where the robot may be, x in metres
METRE = se3.from_planar(1.0, 0.0, 0.0)


def fits(T_map_base: Array) -> ScanPose:
    """The pose of a scan that fits the map there."""
    covariance = np.diag([0.01, 0.01, 0.01, 1e-4, 1e-4, 1e-4])
    registration = Registration(T_map_base, covariance, 0.99, True, "ok", 0.8, "", {"score": 0.8})
    return ScanPose(T_map_base, covariance, registration, 0.2)


def left_after(
    scans: int, overlap: Iterable[Array], contradiction: Iterable[Array], T_steps: Iterable[Array] = repeat(METRE)
) -> list[float]:
    """Where the robot may be, x at its start, after so many scans that fit everywhere, with shares (3,) by hall."""
    hypotheses = PoseHypotheses(RelocalizationParameters())
    for x in HALLS:
        hypotheses.add(fits(se3.from_planar(x, 0.0, 0.0)))
    hypotheses.searched = True
    driven = 0.0
    for *by_hall, T_step in islice(zip(overlap, contradiction, T_steps, strict=False), scans):
        driven += T_step[0, 3]
        agreement = partial(agreement_in_halls, driven, by_hall)
        hypotheses.follow(T_step, lambda belief: fits(belief.T_map_base), agreement, lambda: False)
    return sorted(round(float(each.belief.T_map_base[0, 3]) - driven) for each in hypotheses.left)


def agreement_in_halls(driven: float, by_hall: Sequence[Array], T_map_base: Array) -> Agreement:
    """Of poses (H,4,4) so many metres from where the robot may have started."""
    hall = [HALLS.index(round(float(T[0, 3]) - driven)) for T in T_map_base]
    return Agreement(by_hall[0][hall], by_hall[1][hall])


def always(*shares: float) -> Iterable[Array]:
    return repeat(np.array(shares))


def test_poses_that_agree_alike_but_for_chance_are_all_kept() -> None:
    random = np.random.default_rng(0)
    overlap = (0.9 + 0.01 * random.standard_normal(3) for _ in range(500))
    contradiction = (np.abs(0.005 + 0.002 * random.standard_normal(3)) for _ in range(500))
    assert left_after(500, overlap, contradiction) == list(HALLS)


def test_one_that_agrees_a_little_less_metre_by_metre_is_dropped() -> None:
    worse = always(0.95, 0.91, 0.95), always(0.0, 0.008, 0.0)
    assert left_after(1, *worse) == list(HALLS)
    assert left_after(10, *worse) == [0.0, 100.0]


def test_a_robot_that_stands_learns_nothing_new() -> None:
    worse = always(0.95, 0.91, 0.95), always(0.0, 0.008, 0.0)
    assert left_after(100, *worse, T_steps=repeat(np.eye(4))) == list(HALLS)


def test_odometry_that_trembles_is_not_a_way() -> None:
    worse = always(0.95, 0.91, 0.95), always(0.0, 0.008, 0.0)
    to_and_fro = cycle([se3.from_planar(0.01, 0.0, 0.0), se3.from_planar(-0.01, 0.0, 0.0)])
    assert left_after(1000, *worse, T_steps=to_and_fro) == list(HALLS)


def test_one_that_only_overlaps_less_is_kept_as_the_map_may_have_gaps_there() -> None:
    assert left_after(40, always(0.95, 0.9, 0.95), always(0.001, 0.001, 0.001)) == list(HALLS)


def test_where_the_best_is_contradicted_too_the_map_has_changed_and_little_says_nothing() -> None:
    assert left_after(40, always(0.8, 0.76, 0.8), always(0.02, 0.035, 0.02)) == list(HALLS)
