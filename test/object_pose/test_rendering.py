"""Views against closed forms."""

from __future__ import annotations

import numpy as np
import open3d
import pytest

from isometry.geometry import se3
from isometry.object_pose.mesh import prepare
from isometry.object_pose.rendering import Renderer, Window, rays_through
from isometry.simulation.objects import finer
from isometry.simulation.worlds.shapes import box

CAMERA = np.array([[500.0, 0.0, 320.0], [0.0, 510.0, 240.0], [0.0, 0.0, 1.0]])
CENTRED = (0.0, 0.0, -0.05)  # the bottom of a cube of 0.1 m


def test_pixels_become_rays_that_lead_back() -> None:
    pixels = Window(10.0, 20.0, 3, 2, 4.0).pixels()
    np.testing.assert_array_equal(pixels[[0, 1, 3]], [[10, 20], [14, 20], [10, 24]])
    projected = rays_through(CAMERA, pixels) @ CAMERA.T
    np.testing.assert_allclose(projected[:, :2], pixels)


def test_a_sphere_has_the_depth_of_a_sphere() -> None:
    sphere = open3d.geometry.TriangleMesh.create_sphere(0.1, 80)
    offset = np.array([5.0, -3.0, 2.0])  # far from the origin of its own frame
    mesh = prepare(np.asarray(sphere.vertices) + offset, np.asarray(sphere.triangles).astype(np.int64))
    centre = np.array([0.05, -0.02, 0.7])
    rays = rays_through(CAMERA, Window(250.0, 150.0, 40, 40, 6.0).pixels())
    view = Renderer(mesh).view(se3.from_rotation_translation(np.eye(3), centre - offset), rays)
    along, squared = rays @ centre, np.sum(rays**2, axis=1)
    root = along**2 - squared * (centre @ centre - 0.1**2)
    inside, outside = root > 1e-4, root < 0.0
    assert view.silhouette[inside].all()
    assert not view.silhouette[outside].any()
    expected = (along - np.sqrt(np.maximum(root, 0.0))) / squared
    np.testing.assert_allclose(view.depth[inside], expected[inside], atol=3e-4)
    outwards = (rays * view.depth[:, None] - centre)[inside] / 0.1
    assert np.sum(view.normals[inside] * outwards, axis=1).min() > 0.99


def test_many_poses_are_rendered_as_each_alone(random: np.random.Generator) -> None:
    renderer = Renderer(prepare(*box((0.1, 0.06, 0.04), CENTRED)))
    turns = np.linalg.qr(random.normal(size=(5, 3, 3)))[0]
    turns *= np.linalg.det(turns)[:, None, None]
    poses = np.array([se3.from_rotation_translation(turn, np.array([0.0, 0.0, 0.5])) for turn in turns])
    rays = rays_through(CAMERA, Window(280.0, 200.0, 20, 20, 4.0).pixels())
    together = renderer.view(poses, rays)
    for k, pose in enumerate(poses):
        alone = renderer.view(pose, rays)
        np.testing.assert_array_equal(together.depth[k], alone.depth)
        np.testing.assert_allclose(together.normals[k], alone.normals)
    np.testing.assert_array_equal(renderer.depth(poses, rays), together.depth)


def test_colours_are_those_of_the_surface_that_is_seen() -> None:
    vertices, faces = finer(box((0.1, 0.1, 0.1), CENTRED))
    renderer = Renderer(prepare(vertices, faces, (vertices + 0.05) / 0.1))
    view = renderer.view(
        se3.from_rotation_translation(np.eye(3), np.array([0.0, 0.0, 0.5])), np.array([[0.05, 0.02, 1.0]])
    )
    assert view.depth[0] == pytest.approx(0.45, abs=1e-6)
    np.testing.assert_allclose(view.colours[0], [0.5 + 0.45 * 0.5, 0.5 + 0.45 * 0.2, 0.0], atol=1e-5)
    np.testing.assert_allclose(view.normals[0], [0.0, 0.0, -1.0], atol=1e-6)


def test_the_nearest_point_of_the_surface_has_its_colour() -> None:
    vertices, faces = finer(box((0.1, 0.1, 0.1), CENTRED), 0.02)
    renderer = Renderer(prepare(vertices, faces, (vertices + 0.05) / 0.1))
    nearest, colours = renderer.nearest(np.array([[0.01, 0.02, 0.2]]))
    np.testing.assert_allclose(nearest, [[0.01, 0.02, 0.05]], atol=1e-6)
    np.testing.assert_allclose(colours, [[0.6, 0.7, 1.0]], atol=1e-5)
