"""Generated objects that a hand can hold, for tests of their poses and symmetries. Metres; z is up."""

from __future__ import annotations

import numpy as np
import open3d
from scipy.spatial.transform import Rotation

from isometry.arrays import Array, Index
from isometry.simulation.worlds.shapes import Mesh, box, joined, lathed

ORIGIN = (0.0, 0.0, 0.0)
SIDES = 64  # of what is round


def prism(sides: int, radius: float, height: float) -> Mesh:
    """A closed prism on a regular polygon with corners at `radius`."""
    return lathed(np.array([0.0, radius, radius, 0.0]), np.array([0.0, 0.0, height, height]), ORIGIN, sides)


def can(radius: float = 0.04, height: float = 0.1) -> Mesh:
    """A closed cylinder."""
    return prism(SIDES, radius, height)


def mug() -> Mesh:
    """A can with a handle."""
    return joined([can(), box((0.03, 0.012, 0.06), (0.055, 0.0, 0.02))])


def bowl(radius: float = 0.08) -> Mesh:
    """A half sphere, open upwards."""
    angles = np.linspace(0.0, 0.5 * np.pi, 16)
    return lathed(radius * np.sin(angles), radius * (1.0 - np.cos(angles)), ORIGIN, SIDES)


def bracket() -> Mesh:
    """Two boxes in the shape of an L with arms of different lengths."""
    return joined([box((0.12, 0.03, 0.04), ORIGIN), box((0.03, 0.06, 0.04), (0.045, 0.045, 0.0))])


def finer(mesh: Mesh, longest: float = 0.0125) -> Mesh:
    """The same surface with edges no longer than `longest`, so that it can be painted."""
    vertices = open3d.utility.Vector3dVector(mesh.vertices)
    whole = open3d.geometry.TriangleMesh(vertices, open3d.utility.Vector3iVector(mesh.triangles.astype(np.int32)))
    edges = np.linalg.norm(np.diff(mesh.vertices[mesh.triangles], axis=1), axis=2)
    divided = whole.subdivide_midpoint(max(int(np.ceil(np.log2(edges.max() / longest))), 0))
    return Mesh(np.asarray(divided.vertices), np.asarray(divided.triangles).astype(np.int64))


def disguised(mesh: Mesh, random: np.random.Generator) -> tuple[Mesh, Array, Index]:
    """The same surface turned and moved, with vertices and triangles in another order.

    Also the rotation (3,3), and for each new vertex the number of the old one, (V,).
    """
    rotation = Rotation.from_quat(random.normal(size=4)).as_matrix()
    order = random.permutation(len(mesh.vertices))
    triangles = np.argsort(order)[mesh.triangles][random.permutation(len(mesh.triangles))]
    return Mesh((mesh.vertices @ rotation.T + random.uniform(-0.3, 0.3, 3))[order], triangles), rotation, order
