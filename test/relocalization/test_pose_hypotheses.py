"""Poses that a lost robot follows, and which of them are dropped when it drives on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from itertools import chain, cycle, islice, repeat

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.types import Cloud, Reason, Registration
from isometry.relocalization.contradictions import View
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.pose_hypotheses import PoseHypotheses
from isometry.relocalization.scan import Scan
from isometry.relocalization.scan_pose import Belief, ScanPose

HALLS = (0.0, 50.0, 100.0)  # where the robot may be, x in metres
METRE = se3.from_planar(1.0, 0.0, 0.0)
RESOLUTION = 0.2
SCAN = Scan(np.zeros((1, 3)), Cloud(np.zeros((1, 3)), np.zeros((1, 3)), RESOLUTION, None))


def pose_in(T_map_base: Array, reason: Reason = "ok", overlap: float = 0.8) -> ScanPose:
    """The pose of a scan there."""
    covariance = np.diag([0.01, 0.01, 0.01, 1e-4, 1e-4, 1e-4])
    registration = Registration(T_map_base, covariance, 0.99, reason == "ok", reason, overlap, "", {"score": overlap})
    return ScanPose(T_map_base, covariance, registration, RESOLUTION)


def fits(belief: Belief) -> ScanPose | None:
    """The scan fits everywhere."""
    return pose_in(belief.T_map_base)


def left_after(
    scans: int,
    gone: dict[float, int] | None = None,
    near: Callable[[Belief], ScanPose | None] = fits,
    T_steps: Iterable[Array] = repeat(METRE),
    beside: dict[float, float] | None = None,
    share: dict[float, float] | None = None,
    changed_places: int = 2,
    scan: Scan = SCAN,
) -> list[float]:
    """Where the robot may be, x at its start, after so many scans.

    `gone`: things by hall that the map has there and the scans see through, one more with each metre until it is all of
    them. `beside`: share of the scans by hall that has nothing of the map near it; `share`: of the rest, what fits.
    """
    hypotheses = PoseHypotheses(RelocalizationParameters(changed_places=changed_places))
    for x in HALLS:
        hypotheses.add(pose_in(se3.from_planar(x, 0.0, 0.0)))
    hypotheses.searched = True
    driven = 0.0
    for T_step in islice(T_steps, scans):
        driven += float(T_step[0, 3])
        hypotheses.follow(T_step, scan, near, partial(views_in, driven, gone or {}, beside or {}, share or {}))
    return sorted(round(float(each.belief.T_map_base[0, 3]) - driven) for each in hypotheses.left)


def views_in(
    driven: float, gone: dict[float, int], beside: dict[float, float], share: dict[float, float], T_map_base: Array
) -> list[View]:
    """From poses (H,4,4) so many metres from where the robot may have started."""
    halls = [min(HALLS, key=lambda x: abs(float(T[0, 3]) - driven - x)) for T in T_map_base]
    return [View(things(x, min(gone.get(x, 0), int(driven) + 1)), beside.get(x, 0.0), share.get(x, 0.9)) for x in halls]


def things(x: float, count: int) -> Array:
    """Points (N,3) of so many cabinets 4 m from one to the next, some metres high."""
    steps = np.arange(0.0, 2.0, 0.2)
    cabinet = np.array([[0.0, y, z] for y in steps for z in steps])
    return np.concatenate([np.zeros((0, 3)), *(cabinet + np.array([x, 4.0 * k, 0.0]) for k in range(count))])


def test_poses_that_nothing_contradicts_are_all_kept() -> None:
    assert left_after(100) == list(HALLS)


def test_one_that_several_places_contradict_is_dropped_when_they_are_seen_twice() -> None:
    assert left_after(2, {50.0: 3}) == list(HALLS)
    assert left_after(3, {50.0: 3}) == [0.0, 100.0]


def test_two_cars_that_left_do_not_contradict_a_pose_and_how_many_may_have_left_is_a_parameter() -> None:
    assert left_after(40, {0.0: 2}) == list(HALLS)
    assert left_after(40, {0.0: 5}, changed_places=5) == list(HALLS)
    assert left_after(40, {0.0: 2}, changed_places=1) == [50.0, 100.0]


def test_one_that_is_new_does_not_judge_what_others_saw_before() -> None:
    """Things have left all along the way: more than one more scan shows at a pose that was found only now."""
    hypotheses = PoseHypotheses(RelocalizationParameters())
    for x in HALLS[:2]:
        hypotheses.add(pose_in(se3.from_planar(x, 0.0, 0.0)))
    gone = {0.0: 3, 50.0: 4}
    for k in range(12):
        if k == 10:
            hypotheses.add(pose_in(se3.from_planar(HALLS[2] + k, 0.0, 0.0)))
        everywhere = dict.fromkeys(HALLS, 3) if k >= 10 else gone
        hypotheses.follow(METRE, SCAN, fits, partial(views_in, k + 1.0, everywhere, {}, {}))
    assert len(hypotheses.left) == 3


def test_where_places_contradict_all_poses_the_map_has_changed_and_a_few_more_say_nothing() -> None:
    assert left_after(40, {0.0: 2, 50.0: 5, 100.0: 2}) == list(HALLS)
    assert left_after(40, {0.0: 2, 50.0: 7, 100.0: 2}) == [0.0, 100.0]


def test_one_that_fits_less_well_is_kept_as_the_map_may_have_gaps_there() -> None:
    def worse_in_the_middle(belief: Belief) -> ScanPose:
        middle = 45.0 < belief.T_map_base[0, 3] - belief.T_map_base[1, 3] < 95.0
        return pose_in(belief.T_map_base, "low_confidence" if middle else "ok", 0.2 if middle else 0.9)

    assert left_after(30, near=worse_in_the_middle) == list(HALLS)


def test_one_from_where_the_robot_would_have_left_the_map_is_dropped() -> None:
    assert left_after(2, beside={50.0: 0.95}) == list(HALLS)
    assert left_after(3, beside={50.0: 0.95}) == [0.0, 100.0]
    assert left_after(30, beside={50.0: 0.8}) == list(HALLS)


def test_one_that_fits_its_part_of_the_map_badly_is_dropped_after_some_views() -> None:
    assert left_after(2, share={50.0: 0.5}) == list(HALLS)
    assert left_after(3, share={50.0: 0.5}) == [0.0, 100.0]
    assert left_after(40, share={50.0: 0.7}) == list(HALLS)
    assert left_after(40, share=dict.fromkeys(HALLS, 0.4)) == list(HALLS)


def test_all_are_dropped_where_no_scan_fits_any() -> None:
    def unsure(belief: Belief) -> ScanPose:
        return pose_in(belief.T_map_base, "low_confidence", 0.1)

    assert left_after(2, near=unsure) == list(HALLS)
    assert not left_after(3, near=unsure)


def test_one_that_there_is_time_for_later_is_compared_too_though_the_robot_stands() -> None:
    def nowhere_in_the_last(belief: Belief) -> ScanPose:
        return pose_in(belief.T_map_base, overlap=0.1 if belief.T_map_base[0, 3] > 95.0 else 0.8)

    late = replace(SCAN, time_limit_s=0.0)
    stops = chain([se3.from_planar(9.0, 0.0, 0.0)], repeat(np.eye(4)))
    assert left_after(12, {100.0: 6}, nowhere_in_the_last, stops, scan=late) == [0.0, 50.0]


def test_a_robot_that_stands_learns_nothing_new() -> None:
    assert left_after(100, {50.0: 3}, T_steps=repeat(np.eye(4))) == list(HALLS)


def test_odometry_that_trembles_is_not_a_way() -> None:
    to_and_fro = cycle([se3.from_planar(0.01, 0.0, 0.0), se3.from_planar(-0.01, 0.0, 0.0)])
    assert left_after(1000, {50.0: 1}, T_steps=to_and_fro, changed_places=0) == list(HALLS)
