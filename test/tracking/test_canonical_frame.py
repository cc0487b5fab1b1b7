"""The direction of a scan turns with it."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.geometry import planar
from isometry.tracking.canonical_frame import canonical_yaw, turned


def regular(corners: int) -> np.ndarray:
    """Corners of a regular polygon around the origin, at two heights."""
    angle = 2.0 * np.pi * np.arange(corners) / corners + 0.3
    ring = np.column_stack([5.0 * np.cos(angle), 5.0 * np.sin(angle), np.zeros(corners)])
    return np.vstack([ring, ring + np.array([0.0, 0.0, 1.0])])


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-6)])
def test_it_turns_with_the_points(random: np.random.Generator, dtype: type, tolerance: float) -> None:
    points = random.normal(0.0, [20.0, 12.0, 1.0], (5000, 3)) + np.array([0.5, -0.2, 0.0])
    before = points.copy()
    for turn in random.uniform(-np.pi, np.pi, 20):
        yaw = canonical_yaw(turned(points, turn).astype(dtype))
        assert abs(planar.wrapped(yaw - canonical_yaw(points) - turn)) < tolerance
    np.testing.assert_array_equal(points, before)


def test_the_order_of_the_points_does_not_matter(random: np.random.Generator) -> None:
    points = random.normal(1.0, 10.0, (2000, 3))
    assert canonical_yaw(random.permutation(points)) == pytest.approx(canonical_yaw(points), abs=1e-12)


@pytest.mark.parametrize("corners", [2, 3, 4, 6, 8])
def test_a_symmetric_scan_has_a_direction_up_to_its_symmetry(random: np.random.Generator, corners: int) -> None:
    points = regular(corners)
    for turn in random.uniform(-np.pi, np.pi, 5):
        off = (canonical_yaw(turned(points, turn)) - canonical_yaw(points) - turn) * corners / (2.0 * np.pi)
        assert off == pytest.approx(round(off), abs=1e-9)


def test_a_round_scan_and_no_scan_have_none() -> None:
    assert canonical_yaw(regular(1000)) == 0.0
    assert canonical_yaw(np.zeros((3, 3))) == 0.0
    assert canonical_yaw(np.zeros((0, 3), np.float32)) == 0.0


def test_one_point_is_its_own_direction() -> None:
    assert canonical_yaw(np.array([[0.0, 3.0, 1.0]])) == pytest.approx(np.pi / 2.0)
