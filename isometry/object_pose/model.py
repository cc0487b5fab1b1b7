"""A model that is prepared once for all observations of the object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from scipy.spatial import cKDTree

from isometry.arrays import Array
from isometry.object_pose.mesh import ObjectMesh
from isometry.object_pose.rendering import Renderer
from isometry.object_pose.surface import SurfacePoints, sample
from isometry.object_pose.symmetry import Symmetry, find_symmetry
from isometry.object_pose.views import Views, render_views

SURFACE_POINTS = 20_000


@dataclass(frozen=True, eq=False)
class ObjectModel:
    """A mesh and what is derived from it, made by `prepare_model`."""

    mesh: ObjectMesh
    symmetry: Symmetry
    renderer: Renderer
    surface: SurfacePoints
    tree: cKDTree  # of the points of `surface`
    views: Views
    upright: Array | None = None  # (3,) unit: upwards where it stands, for objects whose depth cannot be measured


def prepare_model(
    mesh: ObjectMesh,
    symmetry: Symmetry | None = None,
    threads: int = 1,
    upright: Array | None = None,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> ObjectModel:
    """A model of a mesh. `symmetry` replaces what is found from the mesh; `upright` (3,) is `ObjectModel.upright`.

    Takes some seconds.

    `advance` is called with (done, total) before the first and after each step.
    """
    advance(0, 3)
    surface = sample(mesh, SURFACE_POINTS)
    advance(1, 3)
    views = render_views(Renderer(mesh, threads))
    advance(2, 3)
    found = symmetry or find_symmetry(mesh)
    advance(3, 3)
    return assembled(mesh, found, surface, views, threads, upright)


def assembled(
    mesh: ObjectMesh,
    symmetry: Symmetry,
    surface: SurfacePoints,
    views: Views,
    threads: int = 1,
    upright: Array | None = None,
) -> ObjectModel:
    """The model of parts that were made before: only what cannot be kept in a file is made anew."""
    return ObjectModel(mesh, symmetry, Renderer(mesh, threads), surface, cKDTree(surface.points), views, upright)


def without_colours(model: ObjectModel) -> ObjectModel:
    """The model of a mesh whose colours are not known."""
    shape, mesh = model.symmetry.shape, replace(model.mesh, colours=None)
    return assembled(mesh, Symmetry(shape, shape), model.surface, model.views, upright=model.upright)
