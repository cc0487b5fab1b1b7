"""The ground surface, on clouds whose ground is known."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.sensing.ground_surface import FEWER_ROUNDS, above_ground, ground_surface


def hill(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Ground that a drive may have: a slope of 8 %, a hollow, and a bank of 2 m on one side."""
    height: np.ndarray = (
        -1.7 + 0.08 * x - 0.5 * np.exp(-((x - 20.0) ** 2 + y**2) / 200.0) + 2.0 / (1.0 + np.exp(-(y - 18.0) / 1.5))
    )
    return height


def street(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points on rings as a LiDAR sees them, and walls, poles and cars; and which of them are ground."""
    radius = np.repeat(1.73 / np.tan(np.radians(np.arange(2.0, 25.0, 0.4))), 900)
    angle = np.tile(np.linspace(0.0, 2.0 * np.pi, 900, endpoint=False), len(radius) // 900)
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    ground = np.column_stack([x, y, hill(x, y) + random.normal(0.0, 0.02, len(x))])
    x, y = random.uniform(-40.0, 40.0, 6000), np.where(random.random(6000) < 0.5, -12.0, 30.0)
    wall = np.column_stack([x, y, hill(x, y) + random.uniform(0.0, 6.0, 6000)])
    corner = np.array([[5.0, 4.0], [-8.0, -5.0], [15.0, -6.0]])[random.integers(3, size=1500)]
    x, y = (corner + random.uniform(0.0, [4.0, 1.8], (1500, 2))).T
    car = np.column_stack([x, y, hill(x, y) + random.uniform(0.7, 1.5, 1500)])
    points = np.vstack([ground, wall, car])
    return points, np.arange(len(points)) < len(ground)


def test_slopes_and_banks_go_and_what_stands_on_them_stays(random: np.random.Generator) -> None:
    points, is_ground = street(random)
    before = points.copy()
    kept = {tuple(point) for point in above_ground(points)}
    np.testing.assert_array_equal(points, before)
    remains = np.array([tuple(point) in kept for point in points])
    assert remains[is_ground].mean() < 0.002
    high = ~is_ground & (points[:, 2] - hill(points[:, 0], points[:, 1]) > 0.6)
    assert remains[high].mean() > 0.99


@pytest.mark.parametrize("sensor_height", [0.3, 1.73, 8.0])
def test_the_height_of_the_sensor_need_not_be_known(random: np.random.Generator, sensor_height: float) -> None:
    points, is_ground = street(random)
    points[:, 2] += 1.73 - sensor_height
    surface = ground_surface(points)
    over = points[is_ground, 2] - surface.height_at(points[is_ground])
    assert np.percentile(np.abs(over), 95) < 0.15


def test_a_tilted_plane_is_met_exactly(random: np.random.Generator) -> None:
    points = np.column_stack([random.uniform(-30.0, 30.0, (4000, 2)), np.zeros(4000)])
    points[:, 2] = 0.05 * points[:, 0] - 0.03 * points[:, 1] - 2.0
    surface = ground_surface(points.astype(np.float32))
    np.testing.assert_allclose(surface.height_at(points), points[:, 2], atol=0.01)
    assert len(above_ground(points)) == 0


def test_few_points_and_none() -> None:
    assert len(above_ground(np.array([[1.0, 2.0, 3.0]]))) == 0
    with pytest.raises(ValueError, match="no points"):
        above_ground(np.empty((0, 3)))


def test_nodes_further_apart_blur_the_surface_but_keep_its_slopes(random: np.random.Generator) -> None:
    points, is_ground = street(random)
    gentle = np.abs(points[:, 1] - 18.0) > 8.0  # away from the bank
    surface = ground_surface(points, node_metres=4.0)
    over = points[is_ground & gentle, 2] - surface.height_at(points[is_ground & gentle])
    assert np.percentile(np.abs(over), 95) < 0.15


def test_fewer_rounds_find_almost_the_same_surface(random: np.random.Generator) -> None:
    points, _ = street(random)
    slow, fast = ground_surface(points), ground_surface(points, rounds=FEWER_ROUNDS)
    assert np.percentile(np.abs(fast.height_at(points) - slow.height_at(points)), 99) < 0.03
