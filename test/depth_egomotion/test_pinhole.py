"""Points and pixels: there and back, and depth only where it is known."""

from __future__ import annotations

import numpy as np

from isometry.depth_egomotion.pinhole import depth_at, lifted, projected

MATRIX = np.array([[260.0, 0.0, 161.0], [0.0, 250.0, 118.0], [0.0, 0.0, 1.0]])


def test_lifted_pixels_are_projected_back(random: np.random.Generator) -> None:
    pixels, depth = random.uniform(0.0, 300.0, (50, 2)), random.uniform(0.3, 8.0, 50)
    points = lifted(pixels, depth, MATRIX)
    np.testing.assert_allclose(points[:, 2], depth)
    np.testing.assert_allclose(projected(points, MATRIX), pixels)


def test_a_point_behind_the_camera_is_in_no_image() -> None:
    assert (projected(np.array([[0.1, 0.1, -1.0], [0.0, 0.0, 0.0]]), MATRIX) < -1e5).all()


def test_depth_is_that_at_the_pixel_and_none_at_edges_and_holes() -> None:
    depth = np.full((20, 30), 2.0, np.float32)
    depth[:, 15:] = 3.0
    depth[10, 5] = 0.0
    depth[4, 4] = 2.01  # noise
    pixels = np.array([[2.0, 2.0], [4.2, 3.8], [14.6, 3.0], [22.0, 3.0], [5.0, 11.0], [0.0, 0.0], [29.0, 19.0]])
    np.testing.assert_allclose(depth_at(depth, pixels), [2.0, 2.0, 0.0, 3.0, 0.0, 2.0, 3.0])
