"""The fusion of the pose by a scan with that by odometry, against closed forms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.types import Registration
from isometry.relocalization.scan_pose import Belief, ScanPose


def measured(T_map_base: Array, deviations: Sequence[float]) -> ScanPose:
    covariance = np.diag(np.square(deviations))
    registration = Registration(T_map_base, covariance, 1.0, True, "ok", 1.0, "")
    return ScanPose(T_map_base, covariance, registration, 0.4)


def test_a_scan_decides_where_surfaces_hold_it_and_odometry_where_they_do_not() -> None:
    prior = Belief(np.eye(4), np.diag(np.square([1.0, 1.0, 1.0, 0.1, 0.1, 0.1])))
    fused = prior.fused(measured(se3.from_planar(0.9, 0.4, 0.0), [100.0, 0.01, 0.01, 0.001, 0.001, 0.001]))
    assert fused.T_map_base[:3, 3] == pytest.approx([0.0, 0.4, 0.0], abs=1e-3)
    deviations = np.sqrt(np.diagonal(fused.covariance))
    assert deviations[0] == pytest.approx(1.0, rel=1e-3)
    assert 0.01 <= deviations[1] < 0.02


def test_equally_sure_they_meet_half_way() -> None:
    prior = Belief(np.eye(4), np.eye(6) * 0.04)
    fused = prior.fused(measured(se3.from_planar(0.2, 0.0, 0.1), [0.2] * 6))
    assert fused.T_map_base[0, 3] == pytest.approx(0.1)
    assert se3.yaw(fused.T_map_base) == pytest.approx(0.05)


def test_drift_adds_up_along_the_way_and_an_error_of_the_heading_across_it() -> None:
    belief = Belief(np.eye(4), np.diag([0.0, 0.0, 0.0, 0.0, 0.0, 0.02**2]))
    for _ in range(50):
        belief = belief.moved(se3.from_planar(1.0, 0.0, 0.0), 0.05)
    deviations = np.sqrt(np.diagonal(belief.covariance))
    assert deviations[0] == pytest.approx(0.05 * 50, rel=0.1)
    assert deviations[1] > 0.02 * 50
    assert belief.T_map_base[0, 3] == pytest.approx(50.0)


def test_only_what_both_know_can_contradict() -> None:
    belief = Belief(np.eye(4), np.eye(6) * 0.05**2)
    far = se3.from_planar(30.0, 0.0, 0.0)
    free, held = [100.0, *[0.05] * 5], [0.05] * 6
    assert not belief.contradicted(measured(far, free), (1.0, 0.1))
    assert belief.contradicted(measured(far, held), (1.0, 0.1))
    assert not belief.contradicted(measured(se3.from_planar(0.9, 0.0, 0.0), held), (1.0, 0.1))
