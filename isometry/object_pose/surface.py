"""Points spread over the surface of a mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.object_pose.mesh import ObjectMesh
from isometry.object_pose.rendering import PLAIN


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """N points, in random order."""

    points: Array  # (N,3) metres, in the object's frame
    normals: Array  # (N,3) unit
    colours: Array  # (N,3) 0 to 1


def sample(mesh: ObjectMesh, count: int) -> SurfacePoints:
    """`count` points, spread evenly by area; the same ones each time."""
    random = np.random.default_rng(0)
    total = np.cumsum(mesh.face_areas)
    # equal steps along the faces, each with a random offset, leave smaller gaps than independent points
    faces = np.searchsorted(total, (np.arange(count) + random.random(count)) / count * total[-1])
    faces = random.permutation(np.minimum(faces, len(mesh.faces) - 1))
    u, v = random.random((2, count, 1))
    folded = u + v > 1.0
    u, v = np.where(folded, 1.0 - u, u), np.where(folded, 1.0 - v, v)
    corners = mesh.faces[faces]

    def mixed(values: Array) -> Array:
        a, b, c = np.moveaxis(values[corners], 1, 0)
        return np.asarray(a + u * (b - a) + v * (c - a))

    colours = np.full((count, 3), PLAIN) if mesh.colours is None else mixed(mesh.colours)
    return SurfacePoints(mixed(mesh.vertices), mesh.face_normals[faces], colours)
