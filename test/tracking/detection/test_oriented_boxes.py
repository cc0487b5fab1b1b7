"""Rectangles around what is seen of objects that are known."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.geometry import planar
from isometry.tracking.detection.oriented_boxes import Rectangles, fitted_rectangles


def corner(length: float, width: float, yaw: float, random: np.random.Generator) -> np.ndarray:
    """Points (N,2) on two sides of a box that meet, with the noise of a sensor; the corner is at the origin."""
    points = np.vstack(
        [
            np.column_stack([random.uniform(0.0, length, 60), np.zeros(60)]),
            np.column_stack([np.zeros(30), random.uniform(0.0, width, 30)]),
            [[length, 0.0], [0.0, width]],
        ]
    )
    points += random.normal(0.0, 0.01, points.shape)
    turned: np.ndarray = points @ planar.rotations(np.asarray(yaw)).T
    return turned


def fitted(*groups: np.ndarray) -> Rectangles:
    return fitted_rectangles(np.vstack(groups), np.cumsum([0, *[len(group) for group in groups[:-1]]]))


def test_corners_are_met_in_any_direction(random: np.random.Generator) -> None:
    yaws = random.uniform(-np.pi, np.pi, 30)
    rectangles = fitted(*[corner(4.2, 1.8, yaw, random) + 10.0 for yaw in yaws])
    quarter = np.pi / 2.0
    assert np.abs((rectangles.yaw - yaws + quarter / 2.0) % quarter - quarter / 2.0).max() < np.radians(3.0)
    np.testing.assert_allclose(np.sort(rectangles.sides, axis=1), np.tile([1.8, 4.2], (30, 1)), atol=0.25)
    middles = np.array([[2.1, 0.9] @ planar.rotations(yaw).T + 10.0 for yaw in yaws])
    np.testing.assert_allclose(rectangles.centres, middles, atol=0.15)


def test_each_rectangle_is_that_of_its_cluster_alone(random: np.random.Generator) -> None:
    groups = [corner(length, 1.5, yaw, random) for length, yaw in random.uniform(0.5, 5.0, (5, 2))]
    together = fitted(*groups)
    for k, group in enumerate(groups):
        alone = fitted(group)
        np.testing.assert_allclose([together.yaw[k], *together.sides[k]], [alone.yaw[0], *alone.sides[0]], atol=1e-12)


def test_all_points_lie_inside(random: np.random.Generator) -> None:
    points = random.normal(0.0, [3.0, 1.0], (200, 2))
    rectangle = fitted(points)
    along = points @ planar.rotations(rectangle.yaw[0])
    assert ((along >= rectangle.low[0] - 1e-9) & (along <= rectangle.high[0] + 1e-9)).all()


def test_many_points_above_one_another_weigh_as_one(random: np.random.Generator) -> None:
    points = corner(4.0, 1.7, 0.4, random)
    piled = np.vstack([points, np.repeat(points[:3], 500, axis=0)])
    assert fitted(piled).yaw[0] == pytest.approx(fitted(points).yaw[0], abs=np.radians(2.1))


@pytest.mark.parametrize("count", [1, 2])
def test_one_point_and_two_have_a_rectangle(count: int) -> None:
    rectangle = fitted(np.array([[3.0, 4.0], [3.5, 4.0]])[:count])
    np.testing.assert_allclose(rectangle.centres, [[3.0 + 0.25 * (count - 1), 4.0]], atol=1e-9)
    assert rectangle.sides.max() == pytest.approx(0.5 * (count - 1), abs=1e-3)
