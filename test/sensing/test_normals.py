"""Normals of depth images, against planes and a ball whose normals are known."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.sensing.normals import REACH, normals

MATRIX = np.array([[130.0, 0.0, 80.5], [0.0, 128.0, 59.0], [0.0, 0.0, 1.0]])
HEIGHT, WIDTH = 120, 160
INNER = slice(REACH, HEIGHT - REACH), slice(REACH, WIDTH - REACH)


def rays() -> Array:
    """Rays (H,W,3) with z = 1 through the pixels."""
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([u, v, np.ones_like(u)], axis=2) @ np.linalg.inv(MATRIX).T


def plane(normal: Array, distance_m: float) -> Array:
    """Depth (H,W) of a plane that faces the camera."""
    return -distance_m / (rays() @ normal)


@pytest.mark.parametrize("direction", [(0.0, 0.0, -1.0), (0.5, -0.3, -1.0), (-0.9, 0.8, -1.5)])
@pytest.mark.parametrize("distance_m", [0.4, 5.0])
def test_planes_give_their_normal_exactly(direction: tuple[float, ...], distance_m: float) -> None:
    normal = np.array(direction) / np.linalg.norm(direction)
    found = normals(plane(normal, distance_m), MATRIX)
    assert found.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_allclose(found[INNER], np.broadcast_to(normal, found[INNER].shape), atol=1e-5)
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[INNER] = False
    assert np.isnan(found[outside]).all()


def test_a_ball_gives_unit_normals_from_its_middle() -> None:
    centre, radius_m = np.array([0.1, -0.05, 1.5]), 0.6
    directions = rays()
    lengths, along = (directions**2).sum(axis=2), directions @ centre
    root = along**2 - lengths * (centre @ centre - radius_m**2)
    depth = np.where(root > 0.0, (along - np.sqrt(np.abs(root))) / lengths, 0.0)
    found = normals(depth, MATRIX)
    true = (directions * depth[..., None] - centre) / radius_m
    known = np.isfinite(found).all(axis=2)
    assert known.sum() > 0.8 * (depth > 0.0).sum()
    np.testing.assert_allclose(np.linalg.norm(found[known], axis=1), 1.0, atol=1e-5)
    assert np.degrees(np.arccos(np.clip((found * true).sum(axis=2)[known], -1.0, 1.0))).max() < 3.0


def test_at_steps_and_holes_no_normal_is_known_and_the_others_stay_exact() -> None:
    near, far = np.array([0.0, 0.0, -1.0]), np.array([0.6, 0.0, -0.8])
    depth: Array = np.where(np.arange(WIDTH) < 80, plane(near, 1.0), plane(far, 2.0))
    depth[40, 30] = 0.0
    before = depth.copy()
    found = normals(depth, MATRIX)
    np.testing.assert_array_equal(depth, before)
    assert np.isnan(found[:, 80 - REACH : 80 + REACH]).all()
    assert np.isnan(found[40 - REACH : 41 + REACH, 30 - REACH : 31 + REACH]).all()
    known = np.asarray(np.isfinite(found).all(axis=2))
    for columns, normal in ((slice(0, 80), near), (slice(80, WIDTH), far)):
        own = found[:, columns][known[:, columns]]
        assert len(own) > 0.8 * HEIGHT * (80 - 2 * REACH) * 0.9
        np.testing.assert_allclose(own, np.broadcast_to(normal, own.shape), atol=1e-5)


def test_nothing_measured_has_no_normals() -> None:
    assert np.isnan(normals(np.zeros((HEIGHT, WIDTH), np.float32), MATRIX)).all()
