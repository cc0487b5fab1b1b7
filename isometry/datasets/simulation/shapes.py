"""Triangle meshes of what a town is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isometry.geometry import se3

Array = NDArray[np.float64]


class Mesh(NamedTuple):
    """Vertices (V,3) in metres; triangles (T,3) of vertex numbers."""

    vertices: Array
    triangles: NDArray[np.int64]


def box(size: Sequence[float], position: Sequence[float], yaw: float = 0.0) -> Mesh:
    """A box of length, width and height in metres; `position` (3,) is the centre of its floor."""
    corners = np.array([[i, j, k] for i in (-0.5, 0.5) for j in (-0.5, 0.5) for k in (0.0, 1.0)]) * size
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (1, 5, 7, 3), (0, 2, 6, 4)]
    triangles = [triangle for a, b, c, d in faces for triangle in ((a, b, c), (a, c, d))]
    return Mesh(se3.apply(se3.from_planar(0.0, 0.0, yaw), corners) + position, np.array(triangles))


def cylinder(radius: float, height: float, position: Sequence[float], sides: int = 8) -> Mesh:
    """An upright tube without lids; `position` (3,) is the centre of its lower end. Metres."""
    around = 2.0 * np.pi * np.arange(sides) / sides
    ring = np.column_stack([radius * np.cos(around), radius * np.sin(around), np.zeros(sides)])
    top = ring + np.array([0.0, 0.0, height])
    return Mesh(np.vstack([ring, top]) + position, _tube(rings=2, sides=sides))


def crown(radius: float, position: Sequence[float], random: np.random.Generator) -> Mesh:
    """A ragged ball of leaves around `position` (3,): no vertex is as deep as two thirds of the radius in metres."""
    rings, sides = 5, 9
    polar = np.repeat(np.linspace(0.15, np.pi - 0.15, rings), sides)
    around = np.tile(2.0 * np.pi * np.arange(sides) / sides, rings)
    ball = np.column_stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)])
    return Mesh(radius * random.uniform(0.67, 1.0, (rings * sides, 1)) * ball + position, _tube(rings, sides))


def joined(meshes: Sequence[Mesh], transform: Array | None = None) -> Mesh:
    """All meshes as one, moved by a 4x4 transform."""
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
