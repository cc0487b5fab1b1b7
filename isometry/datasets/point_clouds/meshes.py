"""Parsers of meshes in OBJ, OFF and STL, and points on their surfaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array

Triangles = NDArray[np.int64]  # (T,3) numbers of vertices

SAMPLES = 100_000  # points on the surface of a mesh
STL_HEADER, STL_TRIANGLE = 80, 50  # bytes
STL_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


class Mesh(NamedTuple):
    """Vertices (V,3), and triangles (T,3) of them; without triangles it is a set of points."""

    vertices: Array
    triangles: Triangles


def points_of(mesh: Mesh) -> Array:
    """The vertices of a set of points; of a mesh, `SAMPLES` points uniform on its surface, with a fixed seed.

    The vertices of a mesh would be dense where it is curved and sparse on walls. A mesh whose surface has no area gives
    its vertices. Raises ValueError for triangles of vertices that do not exist.
    """
    vertices, triangles = mesh
    if len(triangles) == 0:
        return vertices
    if triangles.min() < 0 or triangles.max() >= len(vertices):
        raise ValueError(f"a face has a vertex that does not exist (there are {len(vertices)})")
    corners = vertices[triangles]
    corners = corners[np.isfinite(corners).all(axis=(1, 2))]
    a, b, c = np.moveaxis(corners, 1, 0)
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    if not 0.0 < areas.sum() < np.inf:
        return vertices
    random = np.random.default_rng(0)
    chosen = random.choice(len(areas), size=SAMPLES, p=areas / areas.sum())
    u, v = random.random((2, SAMPLES, 1))
    folded = u + v > 1.0
    u, v = np.where(folded, 1.0 - u, u), np.where(folded, 1.0 - v, v)
    a, b, c = a[chosen], b[chosen], c[chosen]
    points: Array = a + u * (b - a) + v * (c - a)
    return points


def triangles_of(faces: NDArray[Any] | Sequence[NDArray[Any]]) -> Triangles:
    """Triangles (T,3) of convex faces: a table (F,C), or faces with different numbers of corners."""
    if isinstance(faces, np.ndarray):
        return _fans(faces) if faces.ndim == 2 else np.zeros((0, 3), np.int64)
    by_corners: dict[int, list[NDArray[Any]]] = {}
    for face in faces:
        by_corners.setdefault(len(face), []).append(face)
    return np.concatenate([_fans(np.stack(each)) for each in by_corners.values()] or [np.zeros((0, 3), np.int64)])


def _fans(faces: NDArray[Any]) -> Triangles:
    """Faces (F,C) as triangles (F (C - 2), 3) that share the first corner."""
    whole = faces.astype(np.int64)
    fans = [whole[:, [0, k, k + 1]] for k in range(1, whole.shape[1] - 1)]
    return np.concatenate(fans or [np.zeros((0, 3), np.int64)])


def parse_off(content: bytes) -> Mesh:
    """An OFF file in text: counts, then vertices, then faces. Raises ValueError that says what does not fit."""
    lines = [line.split() for line in (line.partition("#")[0] for line in _text(content).splitlines()) if line.strip()]
    if not lines or not lines[0][0].upper().endswith("OFF"):
        raise ValueError("not an OFF file")
    head = lines[0][1:] or (lines[1] if len(lines) > 1 else [])
    rows = lines[1:] if lines[0][1:] else lines[2:]
    try:
        vertex_count, face_count = int(head[0]), int(head[1])
    except (IndexError, ValueError) as error:
        raise ValueError("its second line has no numbers of vertices and faces") from error
    if min(vertex_count, face_count) < 0 or len(rows) != vertex_count + face_count:
        raise ValueError(f"it promises {vertex_count} vertices and {face_count} faces, and has {len(rows)} lines")
    try:
        vertices = np.array([row[:3] for row in rows[:vertex_count]], dtype=np.float64).reshape(-1, 3)
        faces = [np.array(row[1 : 1 + int(row[0])], dtype=np.int64) for row in rows[vertex_count:]]
        if any(len(face) != int(row[0]) for face, row in zip(faces, rows[vertex_count:], strict=True)):
            raise ValueError("a face with fewer corners than it says")
    except (ValueError, OverflowError) as error:
        raise ValueError(f"its vertices or faces are not numbers ({error})") from error
    return Mesh(vertices, triangles_of(faces))


def parse_obj(content: bytes) -> Mesh:
    """The vertices (v) and faces (f) of a Wavefront OBJ file. Raises ValueError that names a line it cannot use."""
    vertices: list[list[float]] = []
    faces: list[NDArray[Any]] = []
    for number, line in enumerate(_text(content).replace("\\\n", " ").splitlines(), start=1):
        words = line.split()
        try:
            if words and words[0] == "v":
                x, y, z = map(float, words[1:4])
                vertices.append([x, y, z])
            elif words and words[0] == "f":
                corners = [int(word.partition("/")[0]) for word in words[1:]]
                # counted from 1, or from the end with a negative sign; 0 does not exist
                indices = [c - 1 if c > 0 else len(vertices) + c if c else -1 for c in corners]
                faces.append(np.array(indices, dtype=np.int64))
        except (ValueError, OverflowError) as error:
            raise ValueError(f"line {number} is not a vertex or a face: {line.strip()[:40]!r}") from error
    return Mesh(np.array(vertices, dtype=np.float64).reshape(-1, 3), triangles_of(faces))


def parse_stl(content: bytes) -> Mesh:
    """The triangles of an STL file, in text or binary. Raises ValueError that says what does not fit."""
    count = int.from_bytes(content[STL_HEADER : STL_HEADER + 4], "little")
    body = content[STL_HEADER + 4 :]
    if len(content) >= STL_HEADER + 4 and len(body) == count * STL_TRIANGLE:
        corners = np.frombuffer(body, STL_RECORD)["corners"].reshape(-1, 3).astype(np.float64)
    elif content.lstrip().startswith(b"solid"):
        corners = _text_corners(_text(content))
    else:
        there = len(body) // STL_TRIANGLE
        raise ValueError(f"not an STL file, or cut off: it promises {count} triangles, and has bytes for {there}")
    return Mesh(corners, np.arange(len(corners)).reshape(-1, 3))


def _text_corners(text: str) -> Array:
    words = [line.split() for line in text.splitlines()]
    if not any(line[:1] == ["endsolid"] for line in words):
        raise ValueError("cut off, it has no endsolid")
    try:
        corners = np.array([line[1:4] for line in words if line[:1] == ["vertex"]], dtype=np.float64).reshape(-1, 3)
    except ValueError as error:
        raise ValueError(f"a vertex is not three numbers ({error})") from error
    if len(corners) % 3 or len(corners) != 3 * sum(line[:1] == ["endfacet"] for line in words):
        raise ValueError(f"{len(corners)} vertices are not three for each facet")
    return corners


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # names of materials in another encoding
        if "\0" in text:
            raise ValueError("not a text file") from None
        return text
