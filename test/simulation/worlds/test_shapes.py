from __future__ import annotations

import numpy as np
import pytest

from isometry.geometry import se3
from isometry.simulation.worlds.shapes import box, crown, cylinder, frustum, joined, lathed, leaves, sheet


def test_boxes_crowns_and_joined_meshes_have_the_requested_extent(random: np.random.Generator) -> None:
    np.testing.assert_allclose(np.ptp(box((4.0, 2.0, 1.0), (1.0, 1.0, 0.0)).vertices, axis=0), [4.0, 2.0, 1.0])
    np.testing.assert_allclose(np.ptp(box((4.0, 2.0, 1.0), (0, 0, 0), np.pi / 2).vertices, axis=0), [2.0, 4.0, 1.0])
    assert np.linalg.norm(crown(2.0, (0.0, 0.0, 0.0), random).vertices, axis=1).max() <= 2.0
    both = joined([box((1.0, 1.0, 1.0), (0, 0, 0)), cylinder(1.0, 2.0, (0, 0, 0))], se3.from_planar(5.0, 0.0, 0.0))
    assert both.triangles.max() == len(both.vertices) - 1
    assert both.vertices[:, 0].min() == pytest.approx(4.0)


def test_lathed_shapes_leaves_sheets_and_frustums_have_the_requested_extent(random: np.random.Generator) -> None:
    bottle = lathed(np.array([0.5, 0.5, 0.1]), np.array([0.0, 2.0, 3.0]), (1.0, 0.0, 0.0), sides=40)
    np.testing.assert_allclose(bottle.vertices.min(axis=0), [0.5, -0.5, 0.0], atol=1e-9)
    np.testing.assert_allclose(bottle.vertices.max(axis=0), [1.5, 0.5, 3.0], atol=1e-9)
    bush = leaves((1.0, 2.0, 3.0), (0.0, 0.0, 0.0), 500, 0.1, random)
    assert len(bush.triangles) == 500
    assert (np.abs(bush.vertices.reshape(-1, 3, 3).mean(axis=1)) < [1.2, 2.2, 3.2]).all()
    flat = sheet(np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0]))
    a, b, c = (flat.vertices[flat.triangles[:, k]] for k in range(3))
    assert 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() == pytest.approx(6.0)
    roof = frustum((4.0, 2.0, 1.0), (0.5, 0.0), (1.0, 0.0, 3.0))
    ridge = roof.vertices[roof.vertices[:, 2] > 3.5]
    np.testing.assert_allclose(np.ptp(ridge, axis=0), [2.0, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(np.ptp(roof.vertices, axis=0), [4.0, 2.0, 1.0])
