"""Degenerate directions, against shapes whose freedom is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from isometry.arrays import Array, Flags
from isometry.geometry import degeneracy, se3

SPACING, NOISE, NEIGHBOURS = 0.3, 0.01, 20
AHEAD, LEFT = np.eye(3)[:2]
X, Y, Z, ROLL, PITCH, YAW = np.eye(6, dtype=bool)


def rectangle(centre: Array, half_a: Array, half_b: Array, random: np.random.Generator) -> Array:
    """Points about SPACING apart on a rectangle, with noise along its normal."""
    lengths = [2.0 * np.linalg.norm(half) for half in (half_a, half_b)]
    grid = np.stack(np.meshgrid(*(np.arange(SPACING / 2, length, SPACING) / length for length in lengths)), -1)
    a, b = 2.0 * (grid.reshape(-1, 2) + random.uniform(-0.1, 0.1, (grid.size // 2, 2)) * SPACING / lengths).T - 1.0
    normal = np.cross(half_a, half_b)
    noise = random.normal(0.0, NOISE, len(a))[:, None] * normal / np.linalg.norm(normal)
    return np.asarray(centre + a[:, None] * half_a + b[:, None] * half_b + noise)


def box(half: tuple[float, float, float], random: np.random.Generator, open_axes: tuple[int, ...] = ()) -> Array:
    """The walls of a box around the origin, without those across the open axes."""
    walls = []
    for axis in set(range(3)) - set(open_axes):
        edges = np.diag(half)
        a, b = (edges[other] for other in range(3) if other != axis)
        walls += [rectangle(sign * edges[axis], a, b, random) for sign in (-1.0, 1.0)]
    return np.vstack(walls)


def cylinder(radius: float, half_height: float, random: np.random.Generator) -> Array:
    around = int(2.0 * np.pi * radius / SPACING)
    angle, z = np.meshgrid(2.0 * np.pi * np.arange(around) / around, np.arange(-half_height, half_height, SPACING))
    angle = angle.ravel() + random.uniform(-0.3, 0.3, angle.size) * SPACING / radius
    r = radius + random.normal(0.0, NOISE, angle.size)
    return np.column_stack([r * np.cos(angle), r * np.sin(angle), z.ravel()])


def sphere(radius: float, random: np.random.Generator) -> Array:
    count = int(4.0 * np.pi * radius**2 / SPACING**2)
    z = 1.0 - 2.0 * (np.arange(count) + 0.5) / count  # a Fibonacci lattice
    angle = np.pi * (1.0 + np.sqrt(5.0)) * np.arange(count)
    flat = np.sqrt(1.0 - z**2)
    unit = np.column_stack([flat * np.cos(angle), flat * np.sin(angle), z])
    return np.asarray(unit * (radius + random.normal(0.0, NOISE, count))[:, None])


Build = Callable[[np.random.Generator], Array]
SHAPES: dict[str, tuple[Build, Flags]] = {
    "box": (lambda random: box((5.0, 4.0, 3.0), random), ~(X | Y | Z | ROLL | PITCH | YAW)),
    "tunnel": (lambda random: box((20.0, 4.0, 3.0), random, (0,)), X),
    "shaft": (lambda random: box((3.0, 4.0, 20.0), random, (2,)), Z),
    "two walls": (lambda random: box((5.0, 4.0, 3.0), random, (0, 2)), X | Z | PITCH),
    "field": (lambda random: rectangle(np.array([0.0, 0.0, -1.5]), 9.0 * AHEAD, 9.0 * LEFT, random), X | Y | YAW),
    "silo": (lambda random: np.vstack([cylinder(5.0, 4.0, random), box((3.0, 3.0, 4.0), random, (0, 1))]), YAW),
    "pipe": (lambda random: cylinder(5.0, 15.0, random), Z | YAW),
    "sphere": (lambda random: sphere(5.0, random), ROLL | PITCH | YAW),
}


def planes(points: Array) -> degeneracy.Planes:
    _, neighbours = KDTree(points).query(points, NEIGHBOURS)
    return degeneracy.planes(points, neighbours, SPACING)


def held(points: Array) -> degeneracy.Held:
    return degeneracy.held(planes(points))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_leaves_free_what_it_must(name: str, seed: int) -> None:
    build, free = SHAPES[name]
    found = held(build(np.random.default_rng(seed)))
    assert np.array_equal(found.free > 0.5, free)
    # whatever the errors of the alignment, the covariance is that of before in free directions, and small in others
    prior = np.diag([4.0, 4.0, 4.0, 0.25, 0.25, 0.25])
    variances = np.diag(degeneracy.covariance(found.information, prior)) / np.diag(prior)
    assert np.all(variances[free] > 0.9)
    assert np.all(variances[~free] < 0.01)


@pytest.mark.parametrize("name", ["tunnel", "field", "silo"])
def test_a_motion_is_divided_into_its_held_and_its_free_part(name: str) -> None:
    build, free = SHAPES[name]
    found = held(build(np.random.default_rng(0)))
    motion = np.array([0.3, -0.2, 0.1, 0.0, 0.0, 0.05])
    assert np.allclose(found.part @ motion, np.where(free, 0.0, motion), atol=0.02)
    assert np.allclose(found.part @ found.part, found.part, atol=1e-6)
    # the errors of the held part are the inverse of its information
    assert np.allclose(found.errors @ found.information, found.part, atol=1e-6)
    assert np.allclose(found.errors[np.ix_(free, free)], 0.0, atol=1e-4)


def test_the_information_of_true_planes_is_a_closed_form() -> None:
    points = np.random.default_rng(0).uniform(-1.0, 1.0, (400, 3)) * [1.0, 1.0, 0.0] + [0.0, 0.0, -1.5]
    axes = np.tile(np.eye(3)[:, [2, 0, 1]], (400, 1, 1))
    level = degeneracy.Planes(points, axes, np.full((400, 2), 1e-4), np.ones(400))
    whole, noise = degeneracy.information(level)
    x, y, _ = points.T
    expected = np.zeros((6, 6))
    expected[2:5, 2:5] = np.array([[np.ones(400), y, -x], [y, y * y, -x * y], [-x, -x * y, x * x]]).sum(axis=-1)
    assert np.allclose(whole, expected)
    # errors of a hundredth of a radian, and three planes in a thousand that are none, along three directions
    assert np.allclose(noise[:2, :2], 400 * (1e-4 + 0.003 / 3.0) * np.eye(2))
    found = degeneracy.held(level)
    assert np.allclose(found.information[2:5, 2:5], expected[2:5, 2:5], rtol=0.02)


def test_the_errors_of_normals_give_the_expected_part_of_the_information() -> None:
    found = [planes(box((20.0, 4.0, 3.0), np.random.default_rng(seed), (0,))) for seed in range(5)]
    false = expected = 0.0
    for each in found:
        inside = np.abs(each.points[:, 1:] / [4.0, 3.0]).min(axis=1) < 0.7  # away from the edges
        false += np.sum(each.axes[inside, 0, 0] ** 2)
        expected += np.sum(each.axes[inside, 0, 1:] ** 2 * each.tilts[inside])
    assert 0.3 < false / expected < 1.5


@pytest.mark.parametrize("seed", range(3))
def test_in_another_frame_the_same_is_held(seed: int) -> None:
    points = box((20.0, 4.0, 3.0), np.random.default_rng(0), (0,))
    T = se3.from_rotation_translation(Rotation.random(random_state=seed).as_matrix(), np.array([2.0, -3.0, 1.0]))
    turned = held(se3.apply(T, points))
    prior = np.diag([4.0] * 3 + [0.25] * 3)
    along = np.append(T[:3, 0], np.zeros(3))
    posterior = degeneracy.covariance(turned.information, prior)
    assert along @ posterior @ along > 0.9 * 4.0
    across = np.append(T[:3, 1], np.zeros(3))
    assert across @ posterior @ across < 0.05


def test_a_wall_across_the_tunnel_holds_it() -> None:
    random = np.random.default_rng(0)
    wall = rectangle(np.array([15.0, 0.0, 0.0]), np.array([0.0, 3.0, 0.0]), np.array([0.0, 0.0, 2.5]), random)
    found = held(np.vstack([box((20.0, 4.0, 3.0), random, (0,)), wall]))
    assert found.free.max() < 0.5
    deviation = np.sqrt(len(wall) / found.information[0, 0])  # metres, of a point's distance from the wall
    assert NOISE < deviation < 5.0 * NOISE


def test_scan_lines_are_no_surface() -> None:
    """Lines of points around a tunnel, as of a LiDAR far away: at its corners they lie in planes across it."""
    angle = np.linspace(0.0, 2.0 * np.pi, 200, endpoint=False)
    square = (
        np.column_stack([np.cos(angle), np.sin(angle)]) / np.abs([np.cos(angle), np.sin(angle)]).max(axis=0)[:, None]
    )
    lines = np.vstack([np.column_stack([np.full(200, x), 4.0 * square]) for x in np.arange(-20.0, 20.0, 3.0)])
    found = held(lines + np.random.default_rng(0).normal(0.0, 0.002, lines.shape))
    assert found.free[0] == 1.0
    assert not found.information[0].any()


def test_without_planes_nothing_is_held() -> None:
    line = np.column_stack([np.arange(0.0, 30.0, SPACING), np.zeros((100, 2))])
    found = held(line)
    assert np.array_equal(found.free, np.ones(6))
    prior = np.diag([4.0] * 3 + [0.25] * 3)
    assert np.allclose(degeneracy.covariance(found.information, prior), prior)


def test_loose_points_hold_nothing() -> None:
    clump = np.random.default_rng(0).uniform(-1.0, 1.0, (3000, 3)) * SPACING * 7.0
    assert held(clump).free.min() > 0.5
