"""The side on which an object stands: the largest flat part of its surface that nothing of it is below."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array
from isometry.object_pose.mesh import ObjectMesh, UnusableMeshError

FLAT = 0.008  # of the diameter: faces as near as this to the lowest point are of the foot
PARALLEL_COSINE = 0.985  # of the normals of faces of one side
TRIED = 40  # sides, by the area of faces that look into about one direction


def standing_direction(mesh: ObjectMesh) -> Array:
    """The direction (3,) upwards, in the mesh's frame, when it stands. An open rim is no foot: little of it is surface.

    Raises UnusableMeshError for a mesh without a flat side.
    """
    normals, areas = mesh.face_normals, mesh.face_areas
    middles = mesh.vertices[mesh.faces].mean(axis=1)
    # a mesh may have its faces inside out: each side is tried in both directions
    sides = normals[_largest_sides(normals, areas)]
    best, direction = 0.0, np.zeros(3)
    for down in np.concatenate([sides, -sides]):
        below = mesh.vertices @ down
        at_the_bottom = middles @ down > below.max() - FLAT * mesh.diameter
        flat = at_the_bottom & (np.abs(normals @ down) > PARALLEL_COSINE)
        if areas[flat].sum() > best:
            best, direction = float(areas[flat].sum()), -down
    if best == 0.0:
        raise UnusableMeshError("it has no flat side to stand on: state `stands` as a direction")
    return direction


def middle_of_foot(mesh: ObjectMesh, upright: Array) -> Array:
    """The point (3,) in the mesh's frame, metres, in the middle of what is lowest when a direction (3,) is upwards."""
    heights = mesh.vertices @ upright
    lowest = mesh.vertices[heights < heights.min() + FLAT * mesh.diameter]
    across = 0.5 * (lowest.min(axis=0) + lowest.max(axis=0))
    return np.asarray(across + (heights.min() - across @ upright) * upright)


def _largest_sides(normals: Array, areas: Array) -> list[int]:
    """Numbers of faces that look into different directions, those first of which most area looks into theirs."""
    kept: list[int] = []
    left = areas.copy()
    while len(kept) < TRIED and left.max() > 0.0:
        face = int(np.argmax(left))
        kept.append(face)
        left[np.abs(normals @ normals[face]) > PARALLEL_COSINE] = 0.0
    return kept
