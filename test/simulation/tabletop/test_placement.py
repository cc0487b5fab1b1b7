"""Objects at rest on a table."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.geometry import se3
from isometry.simulation.objects import bowl, bracket, can, mug
from isometry.simulation.tabletop.placement import apart, place, resting_rotations
from isometry.simulation.worlds.shapes import box, joined

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def test_outlines_are_as_far_apart_as_their_sides() -> None:
    assert apart(SQUARE, SQUARE + np.array([1.5, 0.2])) == pytest.approx(0.5)
    assert apart(SQUARE, SQUARE + np.array([0.9, 0.0])) == pytest.approx(-0.1)
    diamond = np.array([[0.0, -1.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    assert apart(SQUARE, diamond + 2.0) == pytest.approx((2.0 - 1.0) * np.sqrt(2.0) - np.sqrt(0.5))


def test_a_box_rests_on_each_of_its_sides_as_likely_as_they_are_large() -> None:
    rotations, areas = resting_rotations(box((0.1, 0.2, 0.3), (0.0, 0.0, 0.0)))
    np.testing.assert_allclose(sorted(areas), [0.02, 0.02, 0.03, 0.03, 0.06, 0.06])
    heights = np.ptp(box((0.1, 0.2, 0.3), (0.0, 0.0, 0.0)).vertices @ rotations.transpose(0, 2, 1), axis=1)[:, 2]
    np.testing.assert_allclose(heights * areas, 0.006)


def test_a_tower_does_not_rest_on_a_small_foot_beside_its_middle() -> None:
    foot, tower = box((0.02, 0.02, 0.02), (0.1, 0.0, -0.02)), box((0.02, 0.02, 0.3), (0.1, 0.0, 0.0))
    arm = box((0.3, 0.02, 0.02), (-0.05, 0.0, 0.3))
    rotations, _ = resting_rotations(joined([foot, tower, arm]))
    assert not any(np.allclose(rotation @ [0.0, 0.0, 1.0], [0.0, 0.0, 1.0], atol=0.05) for rotation in rotations)


def test_objects_rest_on_the_table_beside_each_other() -> None:
    meshes = [can(), mug(), bowl(), bracket(), can(0.03, 0.2), box((0.2, 0.15, 0.05), (0.0, 0.0, 0.0))]
    poses = place(meshes, 0.1, np.random.default_rng(3))
    placed = [se3.apply(T, mesh.vertices) for T, mesh in zip(poses, meshes, strict=True) if T is not None]
    assert len(placed) == len(meshes)
    for k, points in enumerate(placed):
        assert points[:, 2].min() == pytest.approx(0.0, abs=1e-9)
        for other in placed[:k]:
            near = np.linalg.norm(points[:, None, :2] - other[None, :, :2], axis=2).min()
            assert near > 0.002


def test_one_without_room_is_left_out() -> None:
    table = box((9.0, 9.0, 0.1), (0.0, 0.0, 0.0))
    assert place([table, can()], 0.05, np.random.default_rng(0))[1] is None
