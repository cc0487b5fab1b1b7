"""A model that is prepared once for all observations of the object."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.spatial import cKDTree

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


def prepare_model(mesh: ObjectMesh, symmetry: Symmetry | None = None, threads: int = 1) -> ObjectModel:
    """A model of a mesh. `symmetry` replaces what is found from the mesh. Takes some seconds."""
    renderer = Renderer(mesh, threads)
    surface = sample(mesh, SURFACE_POINTS)
    found = symmetry or find_symmetry(mesh)
    return ObjectModel(mesh, found, renderer, surface, cKDTree(surface.points), render_views(renderer))
