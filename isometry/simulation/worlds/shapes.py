"""Triangle meshes of the basic shapes that worlds are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import planar, se3

Vector = Sequence[float] | Array  # three numbers


class Mesh(NamedTuple):
    """Vertices (V,3) in metres; triangles (T,3) of vertex numbers."""

    vertices: Array
    triangles: NDArray[np.int64]


def box(size: Vector, position: Vector, yaw: float = 0.0) -> Mesh:
    """A box of length, width and height in metres; `position` (3,) is the centre of its bottom."""
    return boxes(np.array([size], dtype=float), np.array([position], dtype=float), np.array([yaw]))


def boxes(sizes: Array, positions: Array, yaws: Array) -> Mesh:
    """Boxes of length, width and height (B,3) in metres; `positions` (B,3) are the centres of their bottoms."""
    corners = np.array([[i, j, k] for i in (-0.5, 0.5) for j in (-0.5, 0.5) for k in (0.0, 1.0)])
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (1, 5, 7, 3), (0, 2, 6, 4)]
    triangles = np.array([triangle for a, b, c, d in faces for triangle in ((a, b, c), (a, c, d))])
    vertices = corners * sizes[:, None]
    vertices[..., :2] = np.einsum("bij,bkj->bki", planar.rotations(yaws), vertices[..., :2])
    vertices += positions[:, None]
    numbered = triangles + len(corners) * np.arange(len(sizes))[:, None, None]
    return Mesh(vertices.reshape(-1, 3), numbered.reshape(-1, 3))


def frustum(size: Vector, top: Vector, position: Vector, yaw: float = 0.0) -> Mesh:
    """A box that narrows to its top: a roof, a car's cabin. `top` (2,) is the top's share of length and width."""
    mesh = box(size, (0.0, 0.0, 0.0))
    narrowing = np.where(mesh.vertices[:, 2:] > 0.0, top, 1.0)
    mesh.vertices[:, :2] *= narrowing
    return Mesh(se3.apply(se3.from_planar(0.0, 0.0, yaw), mesh.vertices) + position, mesh.triangles)


def cylinder(radius: float, height: float, position: Vector, sides: int = 8) -> Mesh:
    """An upright tube without lids; `position` (3,) is the centre of its lower end. Metres."""
    return lathed(np.array([radius, radius]), np.array([0.0, height]), position, sides)


def lathed(radii: Array, heights: Array, position: Vector, sides: int = 12) -> Mesh:
    """A surface of revolution: radii (R,) at heights (R,) above `position` (3,), about the vertical axis. Metres."""
    around = 2.0 * np.pi * np.arange(sides) / sides
    ring = np.column_stack([np.cos(around), np.sin(around), np.zeros(sides)])
    levels = np.column_stack([np.zeros((len(heights), 2)), heights])
    vertices = radii[:, None, None] * ring + levels[:, None]
    return Mesh(vertices.reshape(-1, 3) + position, _tube(len(radii), sides))


def leaves(radii: Vector, position: Vector, count: int, size: float, random: np.random.Generator) -> Mesh:
    """Loose triangles of about `size` metres that fill an ellipsoid of radii (3,) around `position` (3,)."""
    inside = random.normal(size=(count, 3))
    inside *= random.random((count, 1)) ** (1.0 / 3.0) / np.linalg.norm(inside, axis=1, keepdims=True)
    centres = inside * radii + position
    vertices = centres[:, None] + random.normal(scale=size / 2.0, size=(count, 3, 3))
    return Mesh(vertices.reshape(-1, 3), np.arange(3 * count).reshape(-1, 3))


def sheet(x: Array, y: Array) -> Mesh:
    """A flat grid at z = 0 with a vertex at each of x (X,) and y (Y,) in metres."""
    vertices = np.stack([*np.meshgrid(x, y, indexing="ij"), np.zeros((len(x), len(y)))], axis=-1).reshape(-1, 3)
    corner = (np.arange(len(x) - 1)[:, None] * len(y) + np.arange(len(y) - 1)).ravel()
    lower = np.column_stack([corner, corner + len(y), corner + 1])
    upper = np.column_stack([corner + 1, corner + len(y), corner + len(y) + 1])
    return Mesh(vertices, np.vstack([lower, upper]))


def crown(radius: float, position: Vector, random: np.random.Generator) -> Mesh:
    """A rough ball around `position` (3,): its vertices are between 0.67 and 1 times `radius` (metres) away."""
    rings, sides = 5, 9
    polar = np.repeat(np.linspace(0.15, np.pi - 0.15, rings), sides)
    around = np.tile(2.0 * np.pi * np.arange(sides) / sides, rings)
    ball = np.column_stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)])
    return Mesh(radius * random.uniform(0.67, 1.0, (rings * sides, 1)) * ball + position, _tube(rings, sides))


def joined(meshes: Sequence[Mesh], transform: Array | None = None) -> Mesh:
    """All meshes as one, transformed by a 4x4 transform."""
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    vertices = np.vstack([mesh.vertices for mesh in meshes])
    triangles = np.vstack([mesh.triangles + start for mesh, start in zip(meshes, starts, strict=True)])
    return Mesh(vertices if transform is None else se3.apply(transform, vertices), triangles)


def _tube(rings: int, sides: int) -> NDArray[np.int64]:
    """Triangles (T,3) between neighbouring rings of `sides` vertices each."""
    this = np.arange((rings - 1) * sides)
    following = this - this % sides + (this + 1) % sides
    upwards = np.column_stack([this, following, this + sides])
    downwards = np.column_stack([following, following + sides, this + sides])
    return np.vstack([upwards, downwards])
