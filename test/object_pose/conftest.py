"""Objects with prints on them, and images of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.object_pose.baseline import RenderedViewsEstimator
from isometry.object_pose.mesh import ObjectMesh, prepare
from isometry.object_pose.model import ObjectModel, prepare_model
from isometry.object_pose.rendering import Renderer, Window, rays_through
from isometry.object_pose.types import Observation
from isometry.simulation.objects import bracket, can, finer
from isometry.simulation.worlds.shapes import Mesh, box

CAMERA = np.array([[600.0, 0.0, 320.0], [0.0, 600.0, 240.0], [0.0, 0.0, 1.0]])
HEIGHT, WIDTH = 480, 640
WALL_M = 1.2  # behind the object
NOISE_M = 0.001


def printed(vertices: Array) -> Array:
    """Colours (V,3) of a print without symmetry."""
    waves = np.stack([np.sin(vertices @ np.array(k) + p) for k, p in (((90, 40, 70), 0), ((-50, 110, 30), 1))], axis=1)
    return np.clip(0.5 + 0.25 * np.column_stack([waves, waves.sum(axis=1)]), 0.0, 1.0)


def observed(mesh: ObjectMesh, T_camera_object: Array) -> Observation:
    """An image of an object in front of a wall, in a light that is not that of the mesh."""
    rays = rays_through(CAMERA, Window(0.0, 0.0, WIDTH, HEIGHT, 1.0).pixels())
    view = Renderer(mesh).view(T_camera_object, rays)
    noise = np.random.default_rng(0).normal(0.0, NOISE_M, len(rays))
    depth = np.where(view.silhouette, view.depth, WALL_M) + noise
    shade = np.clip(0.55 + 0.45 * -view.normals[:, 2:], 0.0, 1.0)
    colours = np.where(view.silhouette[:, None], view.colours * shade * [0.9, 0.7, 0.6], 0.4)
    return Observation(
        np.round(255.0 * colours).astype(np.uint8).reshape(HEIGHT, WIDTH, 3),
        depth.reshape(HEIGHT, WIDTH),
        view.silhouette.reshape(HEIGHT, WIDTH),
        CAMERA,
    )


@pytest.fixture(scope="session")
def observe() -> Callable[[ObjectMesh, Array], Observation]:
    """An image of an object at T_camera_object."""
    return observed


@pytest.fixture(scope="session")
def estimator() -> RenderedViewsEstimator:
    return RenderedViewsEstimator()


def printed_model(mesh: Mesh, coloured: bool = True) -> ObjectModel:
    fine = finer(mesh)
    return prepare_model(prepare(fine.vertices, fine.triangles, printed(fine.vertices) if coloured else None))


@pytest.fixture(scope="session")
def printed_box() -> ObjectModel:
    return printed_model(box((0.06, 0.1, 0.16), (0.02, 0.0, -0.05)))


@pytest.fixture(scope="session")
def plain_box() -> ObjectModel:
    return printed_model(box((0.06, 0.1, 0.16), (0.02, 0.0, -0.05)), coloured=False)


@pytest.fixture(scope="session")
def printed_can() -> ObjectModel:
    return printed_model(can())


@pytest.fixture(scope="session")
def plain_can() -> ObjectModel:
    return printed_model(can(), coloured=False)


@pytest.fixture(scope="session")
def plain_bracket() -> ObjectModel:
    return printed_model(bracket(), coloured=False)
