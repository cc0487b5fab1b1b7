"""The model of an object: a checked mesh in metres, or the surface of a bare set of points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import open3d
from scipy.spatial.distance import pdist

from isometry.arrays import Array, Integers
from isometry.object_pose.point_sets import surface_of_points
from isometry.object_pose.sphere import directions

UNITS = {"m": 1.0, "cm": 1e-2, "mm": 1e-3}  # in metres
NAMES_OF_UNITS = {"m": "the metre", "cm": "the centimetre", "mm": "the millimetre"}
SMALLEST_M, LARGEST_M = 0.005, 5.0  # diameters of objects that a depth camera resolves and a robot handles
USUAL_M = 0.2  # diameter, to guess the unit of a mesh that is too large or too small
MOST_FACES = 1_000_000  # a finer mesh is thinned: no camera resolves it, and it costs memory
THINNED_CELLS = 400  # of the grid of vertices of a thinned mesh, over its diameter
DIAMETER_DIRECTIONS = 500  # in which the outermost vertices are found


class UnusableMeshError(ValueError):
    """A mesh that cannot be used; the message has the reason in one line."""


class OtherUnitError(UnusableMeshError):
    """A mesh whose size does not fit to its unit, but to another one."""

    def __init__(self, message: str, unit: str) -> None:
        super().__init__(message)
        self.unit = unit


@dataclass(frozen=True, eq=False)
class ObjectMesh:
    """An object's model, made by `prepare`. Equal only to itself."""

    vertices: Array  # (V,3) metres, in the object's frame
    faces: Integers  # (F,3) numbers of vertices
    colours: Array | None  # (V,3) red, green, blue of the vertices, 0 to 1
    diameter: float  # metres, the largest distance of two vertices
    from_points: bool = False  # whether the model was a bare set of points, and the faces were found between them

    @cached_property
    def centre(self) -> Array:
        """The middle (3,) of its extent, metres."""
        return np.asarray(0.5 * (self.vertices.min(axis=0) + self.vertices.max(axis=0)))

    @cached_property
    def face_normals(self) -> Array:
        """Unit normals (F,3), to the side from which the corners run counter-clockwise."""
        normals, areas = self._crossed
        return np.asarray(normals / np.maximum(2.0 * areas, 1e-300)[:, None])

    @cached_property
    def face_areas(self) -> Array:
        """Areas (F,) in square metres."""
        return self._crossed[1]

    @cached_property
    def normals(self) -> Array:
        """Unit normals (V,3) of the vertices: means over their faces by area. Zero at a vertex without a face."""
        total = np.zeros_like(self.vertices)
        for corner in range(3):
            np.add.at(total, self.faces[:, corner], self._crossed[0])
        return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1), 1e-300)[:, None])

    @cached_property
    def _crossed(self) -> tuple[Array, Array]:
        a, b, c = np.moveaxis(self.vertices[self.faces], 1, 0)
        crossed = np.cross(b - a, c - a)
        return crossed, 0.5 * np.linalg.norm(crossed, axis=1)


def prepare(vertices: Array, faces: Integers, colours: Array | None = None, unit: str = "m") -> ObjectMesh:
    """The model of vertices (V,3) in a unit "m", "cm" or "mm", faces (F,3) and, where known, colours (V,3), 0 to 1.

    Without faces, a surface is laid through the points. A mesh of over a million faces is thinned. The arguments are
    not changed.

    Raises UnusableMeshError: the numbers are not finite, do not fit together, or cannot be in this unit.
    """
    if unit not in UNITS:
        raise UnusableMeshError(f"unit {unit!r}: it must be one of {', '.join(UNITS)}")
    _check(vertices, faces, colours)
    metres = np.asarray(vertices, np.float64) * UNITS[unit]
    diameter = diameter_of(metres)
    _check_size(diameter, unit)
    painted = None if colours is None else np.asarray(colours, np.float64)
    triangles = np.asarray(faces, np.int64).reshape(-1, 3)
    if len(triangles) > MOST_FACES:
        metres, triangles, painted = _thinned(metres, triangles, painted, diameter / THINNED_CELLS)
    if len(triangles):
        metres, triangles, painted = _used(metres, triangles, painted)
        return ObjectMesh(metres, triangles, painted, diameter)
    triangles = surface_of_points(metres)
    if len(triangles) == 0:
        raise UnusableMeshError(f"no surface can be laid through its {len(metres)} points")
    return ObjectMesh(metres, triangles, painted, diameter, from_points=True)


def diameter_of(points: Array) -> float:
    """The largest distance between points (N,3), found among the outermost ones of many directions."""
    outermost = np.unique(np.argmax(points @ directions(DIAMETER_DIRECTIONS).T, axis=0))
    return float(pdist(points[outermost]).max()) if len(outermost) > 1 else 0.0


def _check(vertices: Array, faces: Integers, colours: Array | None) -> None:
    if np.ndim(vertices) != 2 or np.shape(vertices)[1] != 3 or len(vertices) < 4:
        raise UnusableMeshError(f"vertices of shape {np.shape(vertices)}: at least 4 of (V,3) are needed")
    lost = np.count_nonzero(~np.isfinite(vertices).all(axis=1))
    if lost:
        raise UnusableMeshError(f"{lost} of {len(vertices)} vertices are not finite")
    if len(faces) and (np.min(faces) < 0 or np.max(faces) >= len(vertices)):
        raise UnusableMeshError(f"a face has a vertex that does not exist (there are {len(vertices)})")
    if colours is not None and (np.shape(colours) != np.shape(vertices) or not np.isfinite(colours).all()):
        raise UnusableMeshError(f"colours of shape {np.shape(colours)} for vertices of shape {np.shape(vertices)}")


def _check_size(diameter: float, unit: str) -> None:
    if SMALLEST_M <= diameter <= LARGEST_M:
        return
    if diameter == 0.0:
        raise UnusableMeshError("all its vertices are one point")
    as_stored = diameter / UNITS[unit]
    nearest = min(UNITS, key=lambda name: abs(np.log(as_stored * UNITS[name] / USUAL_M)))
    size = f"its diameter is {diameter:.3g} m where its unit is {NAMES_OF_UNITS[unit]}"
    fits = nearest != unit and SMALLEST_M <= as_stored * UNITS[nearest] <= LARGEST_M
    if fits:
        raise OtherUnitError(f"{size}: is it {NAMES_OF_UNITS[nearest]}?", nearest)
    raise UnusableMeshError(f"{size}, and {SMALLEST_M:g} to {LARGEST_M:g} m can be used")


def _thinned(
    vertices: Array, faces: Integers, colours: Array | None, cell: float
) -> tuple[Array, Integers, Array | None]:
    """The mesh with the vertices of each cell of a grid merged."""
    mesh = open3d.geometry.TriangleMesh(
        open3d.utility.Vector3dVector(vertices), open3d.utility.Vector3iVector(faces.astype(np.int32))
    )
    if colours is not None:
        mesh.vertex_colors = open3d.utility.Vector3dVector(colours)
    thin = mesh.simplify_vertex_clustering(cell)
    painted = np.asarray(thin.vertex_colors) if colours is not None else None
    return np.asarray(thin.vertices), np.asarray(thin.triangles).astype(np.int64), painted


def _used(vertices: Array, faces: Integers, colours: Array | None) -> tuple[Array, Integers, Array | None]:
    """The mesh without faces that have no area, and without vertices of no face: these would move its middle."""
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    kept = faces[np.linalg.norm(np.cross(b - a, c - a), axis=1) > 0.0]
    if len(kept) == 0:
        raise UnusableMeshError("none of its faces has an area")
    used, renumbered = np.unique(kept, return_inverse=True)
    painted = None if colours is None else colours[used]
    return vertices[used], renumbered.reshape(kept.shape).astype(np.int64), painted
