from __future__ import annotations

import numpy as np
import pytest

from isometry.datasets.scan_pair import overlap
from isometry.geometry import se3


def test_overlap_is_the_share_of_the_source_that_the_target_shows(random: np.random.Generator) -> None:
    plane = np.column_stack([random.uniform(0.0, 4.0, (40_000, 2)), np.zeros(40_000)])
    T_target_source = se3.from_planar(5.0, -2.0, 0.7)
    target = se3.apply(T_target_source, plane[plane[:, 0] < 1.0])
    assert overlap(target, plane, T_target_source, 0.05) == pytest.approx(0.25, abs=0.03)
    assert overlap(plane, target, se3.inverse(T_target_source), 0.05) == pytest.approx(1.0, abs=0.01)
    assert overlap(target, plane + np.array([0.0, 0.0, 0.1]), T_target_source, 0.05) == 0.0


def test_a_cloud_without_points_overlaps_with_nothing() -> None:
    nothing, something = np.zeros((0, 3)), np.zeros((1, 3))
    assert overlap(nothing, something, np.eye(4), 0.1) == 0.0
    assert overlap(something, nothing, np.eye(4), 0.1) == 0.0
