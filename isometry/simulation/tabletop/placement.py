"""Objects at rest on a table, beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.worlds.shapes import Mesh

SAME_FACET_COSINE = 0.999  # of the normals of triangles of one side of a hull
STABLE = 0.1  # least distance of the middle from the border of the side it rests on, over the size of that
TRIALS = 60  # for a place that is free
APART_M = 0.003
STEP_OUT = 1.03  # of the radius within which a place is looked for, with each trial


def resting_rotations(mesh: Mesh) -> tuple[Array, Array]:
    """Rotations (R,3,3) with which a mesh rests on a plane z = 0, and the areas (R,) of the sides it rests on."""
    hull = ConvexHull(mesh.vertices)
    normals, areas = hull.equations[:, :3], _areas(mesh.vertices[hull.simplices])
    middle = mesh.vertices.mean(axis=0)
    rotations, sizes = [], []
    left = np.ones(len(normals), bool)
    while left.any():
        first = int(np.argmax(np.where(left, areas, 0.0)))
        side = left & (normals @ normals[first] > SAME_FACET_COSINE)
        left &= ~side
        rotation = se3.levelling_rotation(-normals[first])
        flat = (hull.points[np.unique(hull.simplices[side])] @ rotation.T)[:, :2]
        border = ConvexHull(flat).equations
        inside = -(border[:, :2] @ (rotation @ middle)[:2] + border[:, 2]).max()
        if inside > STABLE * np.sqrt(areas[side].sum()):
            rotations.append(rotation)
            sizes.append(areas[side].sum())
    return np.array(rotations).reshape(-1, 3, 3), np.array(sizes)


def place(meshes: Sequence[Mesh], radius: float, random: np.random.Generator) -> list[Array | None]:
    """Poses (4,4) of meshes on z = 0 around the origin; None for one that there is no room for.

    `radius` in metres: within it the first places are looked for.
    """
    taken: list[Array] = []
    poses: list[Array | None] = []
    for mesh in meshes:
        rotations, sizes = resting_rotations(mesh)
        poses.append(None)
        if len(rotations) == 0:
            continue
        for trial in range(TRIALS):
            rotation = rotations[random.choice(len(rotations), p=sizes / sizes.sum())]
            rotation = Rotation.from_rotvec([0.0, 0.0, random.uniform(0.0, 2.0 * np.pi)]).as_matrix() @ rotation
            turned = mesh.vertices @ rotation.T
            where = radius * STEP_OUT**trial * np.sqrt(random.random())
            angle = random.uniform(0.0, 2.0 * np.pi)
            shift = np.array([where * np.cos(angle), where * np.sin(angle), -turned[:, 2].min()])
            flat = (turned + shift)[:, :2]
            outline = flat[ConvexHull(flat).vertices]
            if all(apart(outline, other) > APART_M for other in taken):
                taken.append(outline)
                poses[-1] = se3.from_rotation_translation(rotation, shift)
                break
    return poses


def apart(first: Array, second: Array) -> float:
    """Least distance in metres of two convex outlines (N,2), (M,2) along the normals of their sides.

    Negative where they overlap: they do not where a side of one of them has the other one in front of it.
    """
    gaps = []
    for one, other in ((first, second), (second, first)):
        sides = np.roll(one, -1, axis=0) - one
        normals = np.column_stack([sides[:, 1], -sides[:, 0]]) / np.linalg.norm(sides, axis=1, keepdims=True)
        gaps.append(((other @ normals.T) - np.sum(one * normals, axis=1)).min(axis=0).max())
    return float(max(gaps))


def _areas(corners: Array) -> Array:
    sides = corners[:, 1:] - corners[:, :1]
    return np.asarray(np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2.0)
