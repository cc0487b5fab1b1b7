"""Reader of meshes with their colours, in the common file formats."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import open3d

from isometry.arrays import AnyArray, Array
from isometry.datasets.errors import DatasetError, naming, read_bytes
from isometry.datasets.image_file import read_colour
from isometry.datasets.point_clouds.meshes import Triangles
from isometry.datasets.point_clouds.ply import parse_painted_ply

OTHER_ENDINGS = (".obj", ".stl", ".off")


class MeshFile(NamedTuple):
    """A mesh as a file has it, in its frame and unit; without triangles it is a set of points."""

    vertices: Array  # (V,3)
    triangles: Triangles  # (T,3) numbers of vertices
    colours: Array | None  # (V,3) red, green, blue of the vertices, 0 to 1; a texture is sampled at them


def read_mesh(path: Path) -> MeshFile:
    """A mesh or a set of points of a PLY, OBJ, STL or OFF file.

    Raises DatasetError, in one line that names the file: it is missing or damaged, has nothing in it or another ending.
    """
    ending = path.suffix.lower()
    if ending != ".ply" and ending not in OTHER_ENDINGS:
        raise DatasetError(f"{path}: meshes are read from .ply, {', '.join(OTHER_ENDINGS)} files, not from {ending!r}")
    if not path.is_file():
        raise DatasetError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    mesh = _read_ply(path) if ending == ".ply" else _read_other(path)
    if len(mesh.vertices) == 0:
        raise DatasetError(f"{path}: no vertices in it that could be read")
    return mesh


def write_ply(path: Path, mesh: MeshFile) -> None:
    """Write a mesh as a PLY with the colours of its vertices. Raises DatasetError naming the file."""
    written = open3d.geometry.TriangleMesh(
        open3d.utility.Vector3dVector(mesh.vertices), open3d.utility.Vector3iVector(mesh.triangles.astype(np.int32))
    )
    if mesh.colours is not None:
        written.vertex_colors = open3d.utility.Vector3dVector(mesh.colours)
    if not open3d.io.write_triangle_mesh(path, written):
        raise DatasetError(f"{path}: cannot be written")


def companions(path: Path) -> list[Path]:
    """The files beside a mesh that it names: its texture, or its materials and their textures. They may be missing."""
    if path.suffix.lower() == ".ply":
        with naming(path):
            texture = parse_painted_ply(read_bytes(path))[2]
        return [path.parent / texture] if texture else []
    if path.suffix.lower() != ".obj":
        return []
    materials = [path.parent / name for name in _named(path, "mtllib")]
    return [*materials, *(path.parent / name for each in materials for name in _named(each, "map_Kd"))]


def _named(path: Path, keyword: str) -> list[str]:
    """What follows a keyword at the start of the lines of a file; nothing where the file is missing."""
    if not path.is_file():
        return []
    lines = (line.split(maxsplit=1) for line in path.read_text(errors="replace").splitlines())
    return [words[1].strip() for words in lines if len(words) == 2 and words[0] == keyword]


def _read_ply(path: Path) -> MeshFile:
    with naming(path):
        (vertices, triangles), colours, texture, texture_points = parse_painted_ply(read_bytes(path))
    if colours is not None or not texture or texture_points is None:
        return MeshFile(vertices, triangles, colours)
    image = read_colour(path.parent / texture)
    if texture_points.ndim == 2:
        return MeshFile(vertices, triangles, sampled(image, texture_points))
    return MeshFile(vertices, triangles, _of_vertices(sampled(image, texture_points), triangles, len(vertices)))


def _read_other(path: Path) -> MeshFile:
    with open3d.utility.VerbosityContextManager(open3d.utility.VerbosityLevel.Error):
        mesh = open3d.io.read_triangle_mesh(path, enable_post_processing=False)
    vertices, triangles = np.asarray(mesh.vertices), np.asarray(mesh.triangles).astype(np.int64)
    if mesh.has_vertex_colors():
        return MeshFile(vertices, triangles, np.asarray(mesh.vertex_colors))
    images = {number: np.asarray(image) for number, image in enumerate(mesh.textures) if not image.is_empty()}
    if not mesh.has_triangle_uvs() or not images:
        return MeshFile(vertices, triangles, None)
    points = np.asarray(mesh.triangle_uvs).reshape(-1, 3, 2)
    of_triangle = np.asarray(mesh.triangle_material_ids)
    colours = np.full((len(triangles), 3, 3), 0.5)  # grey where the image of a material is missing
    for number, image in images.items():
        pasted = of_triangle == number
        colours[pasted] = sampled(np.flipud(image), points[pasted])  # open3d keeps the image upside down
    return MeshFile(vertices, triangles, _of_vertices(colours, triangles, len(vertices)))


def sampled(image: AnyArray, points: Array) -> Array:
    """Colours (...,3), 0 to 1, of an image (H,W) or (H,W,C) of bytes at points (...,2) in it: 0 to 1, right and up.

    Beyond, the image is repeated.
    """
    height, width = image.shape[:2]
    around = np.where(np.isfinite(points), points, 0.0) % 1.0
    shown = image[..., None] if image.ndim == 2 else image
    channels = shown[..., [0, 0, 0]] if shown.shape[2] < 3 else shown[..., :3]
    columns = np.minimum((around[..., 0] * width).astype(np.intp), width - 1)
    rows = np.minimum(((1.0 - around[..., 1]) * height).astype(np.intp), height - 1)
    return np.asarray(channels[rows, columns] / 255.0)


def _of_vertices(colours: Array, triangles: Triangles, count: int) -> Array:
    """Means (count,3) of colours (T,3,3) of the corners at each vertex; grey without a corner."""
    valid = (triangles >= 0) & (triangles < count)
    total, corners = np.zeros((count, 3)), np.zeros(count)
    np.add.at(total, triangles[valid], colours[valid])
    np.add.at(corners, triangles[valid], 1.0)
    return np.where(corners[:, None] > 0, total / np.maximum(corners, 1.0)[:, None], 0.5)
