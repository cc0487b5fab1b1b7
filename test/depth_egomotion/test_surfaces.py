"""Surfaces in depth images: planes are found exactly, what is none is not known, and images are averaged."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.depth_egomotion.surfaces import BLOCK, Surfaces, surfaces_of

MATRIX = np.array([[260.0, 0.0, 161.0], [0.0, 255.0, 118.0], [0.0, 0.0, 1.0]])
ROWS, COLUMNS = 240, 320
GATE = 0.02


def rays(matrix: Array = MATRIX, rows: int = ROWS, columns: int = COLUMNS) -> Array:
    v, u = np.mgrid[:rows, :columns]
    return np.asarray(np.stack([u, v, np.ones_like(u)], axis=2) @ np.linalg.inv(matrix).T)


def plane_depth(normal: Array, distance_m: float) -> Array:
    """Depth (H,W) of the plane normal . point = -distance, whose normal looks towards the camera."""
    return np.asarray(-distance_m / (rays() @ normal))


def tilted(x: float, y: float) -> Array:
    normal = np.array([np.sin(x), np.sin(y), -1.0])
    return np.asarray(normal / np.linalg.norm(normal))


@pytest.mark.parametrize("normal", [tilted(0.0, 0.0), tilted(0.5, 0.0), tilted(-0.3, 0.6), tilted(0.2, -0.7)])
def test_a_plane_is_found_exactly(normal: Array) -> None:
    surfaces = surfaces_of(plane_depth(normal, 1.5), MATRIX, 8.0)
    assert surfaces.known.all()
    np.testing.assert_allclose(surfaces.normals, np.broadcast_to(normal, surfaces.normals.shape), atol=1e-4)
    np.testing.assert_allclose(surfaces.points @ normal, -1.5, atol=1e-5)
    middle = (BLOCK - 1) / 2.0
    pixels = surfaces.points @ MATRIX.T
    np.testing.assert_allclose(pixels[3, 5, :2] / pixels[3, 5, 2], [5 * BLOCK + middle, 3 * BLOCK + middle])


def test_a_turned_image_has_turned_normals() -> None:
    """The camera rolled by a quarter: its x axis is where the y axis was."""
    depth = plane_depth(tilted(0.4, -0.2), 1.2)
    turned_matrix = np.array([[255.0, 0.0, 118.0], [0.0, 260.0, COLUMNS - 1 - 161.0], [0.0, 0.0, 1.0]])
    upright, turned = surfaces_of(depth, MATRIX, 8.0), surfaces_of(np.rot90(depth), turned_matrix, 8.0)
    R_turned_upright = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(turned.normals, np.rot90(upright.normals) @ R_turned_upright.T, atol=1e-4)
    np.testing.assert_allclose(turned.points, np.rot90(upright.points) @ R_turned_upright.T, atol=1e-4)


def test_only_what_is_measured_on_one_surface_is_known() -> None:
    depth = np.full((ROWS, COLUMNS), 2.0)
    depth[:, 100:] = 1.0  # an edge through the block of columns 96 to 103
    depth[80:120] = 0.0  # a hole of five rows of blocks
    depth[160:] = 9.0  # too far away
    known = surfaces_of(depth, MATRIX, 8.0).known
    expected = np.ones_like(known)
    expected[:, 12] = expected[10:15] = expected[20:] = False
    np.testing.assert_array_equal(known, expected)
    assert not surfaces_of(np.zeros((ROWS, COLUMNS)), MATRIX, 8.0).known.any()


def test_a_surface_that_is_seen_along_itself_is_not_known() -> None:
    normal = np.array([0.0, -1.0, -0.02])  # a floor, of which only the near part is steep enough
    depth = plane_depth(normal / np.linalg.norm(normal), 0.5)
    depth[depth < 0.0] = 0.0
    surfaces = surfaces_of(depth, MATRIX, 100.0)
    sines = -surfaces.points[..., 1] / np.linalg.norm(surfaces.points, axis=2)
    assert surfaces.known[-1].all()
    assert np.abs(sines[surfaces.known]).min() > 0.1


def noisy(random: np.random.Generator, distance_m: float = 2.0) -> Surfaces:
    inverse = 1.0 / plane_depth(tilted(0.3, 0.1), distance_m) + random.normal(0.0, 0.004, (ROWS, COLUMNS))
    return surfaces_of(1.0 / inverse, MATRIX, 8.0)


def error_m(surfaces: Surfaces, distance_m: float = 2.0) -> float:
    errors = surfaces.points[surfaces.known] @ tilted(0.3, 0.1) + distance_m
    return float(np.sqrt(np.mean(errors**2)))


def test_the_mean_of_several_images_errs_less_than_one(random: np.random.Generator) -> None:
    first = noisy(random)
    merged = first
    for _ in range(8):
        merged = merged.merged(noisy(random), MATRIX, np.eye(4), GATE)
    assert error_m(merged) < 0.5 * error_m(first)
    assert merged.images[merged.known].max() == 9.0


def test_another_surface_is_not_mixed_in(random: np.random.Generator) -> None:
    first = noisy(random)
    points, count = first.points.copy(), first.images.copy()
    merged = first.merged(noisy(random, 1.8), MATRIX, np.eye(4), GATE)
    np.testing.assert_array_equal(merged.points, points)
    np.testing.assert_array_equal(merged.images, count)


def test_points_are_in_the_blocks_that_show_them(random: np.random.Generator) -> None:
    surfaces = noisy(random)
    rows, columns = np.nonzero(surfaces.known)
    points = surfaces.points[surfaces.known]
    row, column, seen = surfaces.blocks_of(points, MATRIX)
    assert seen.all()
    np.testing.assert_array_equal((row, column), (rows, columns))
    assert not surfaces.blocks_of(-points, MATRIX)[2].any()


def test_inputs_are_not_changed() -> None:
    depth = plane_depth(tilted(0.1, 0.1), 1.0)
    before = depth.copy()
    surfaces_of(depth, MATRIX, 8.0)
    np.testing.assert_array_equal(depth, before)
