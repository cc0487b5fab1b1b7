"""Colours of meshes: of vertices, and out of the image that is pasted on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import open3d
import pytest

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError
from isometry.datasets.mesh_file import read_mesh

CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))  # of a square, in the image too
RED, GREEN, BLUE, WHITE = np.eye(3)[0], np.eye(3)[1], np.eye(3)[2], np.ones(3)
EXPECTED = np.array([RED, GREEN, WHITE, BLUE])  # lower left, lower right, upper right, upper left
IMAGE: Any = (255 * np.array([[BLUE, WHITE], [RED, GREEN]])).astype(np.uint8)  # its first row is the upper one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    open3d.io.write_image(tmp_path / "paint.png", open3d.geometry.Image(IMAGE.repeat(8, 0).repeat(8, 1)))
    return tmp_path


def ply(properties: str, rows: Array, face: str = "", faces: str = "3 0 1 2\n3 0 2 3\n", comment: str = "") -> str:
    names = "".join(f"property float {name}\n" for name in properties.split())
    body = "".join(" ".join(f"{number:g}" for number in row) + "\n" for row in rows)
    head = f"ply\nformat ascii 1.0\n{comment}element vertex {len(rows)}\n{names}element face 2\n"
    return f"{head}property list uchar int vertex_indices\n{face}end_header\n{body}{faces}"


def colours_of(path: Path) -> Array:
    colours = read_mesh(path).colours
    assert colours is not None
    return colours


SQUARE = np.column_stack([CORNERS, np.zeros(4)])
INSIDE = 0.1 + 0.8 * np.array(CORNERS)


def test_colours_of_vertices_are_bytes_or_shares(folder: Path) -> None:
    path = folder / "mesh.ply"
    for scale in (255, 1):
        path.write_text(ply("x y z red green blue", np.hstack([SQUARE, scale * EXPECTED])))
        np.testing.assert_allclose(colours_of(path), EXPECTED)


def test_a_texture_is_sampled_at_vertices(folder: Path) -> None:
    path = folder / "mesh.ply"
    comment = "comment TextureFile paint.png\n"
    path.write_text(ply("x y z texture_u texture_v", np.hstack([SQUARE, INSIDE]), comment=comment))
    np.testing.assert_allclose(colours_of(path), EXPECTED)


def test_a_texture_is_sampled_at_corners_of_faces(folder: Path) -> None:
    path = folder / "mesh.ply"
    faces = "".join(
        f"3 {' '.join(map(str, face))} 6 {' '.join(f'{u:g} {v:g}' for u, v in INSIDE[list(face)])}\n"
        for face in ((0, 1, 2), (0, 2, 3))
    )
    comment, face = "comment TextureFile paint.png\n", "property list uchar float texcoord\n"
    path.write_text(ply("x y z", SQUARE, face, faces, comment))
    np.testing.assert_allclose(colours_of(path), EXPECTED)


def test_the_texture_of_an_obj_is_sampled(folder: Path) -> None:
    path = folder / "mesh.obj"
    (folder / "mesh.mtl").write_text("newmtl paint\nmap_Kd paint.png\n")
    rows = "".join(f"v {x} {y} {z}\n" for x, y, z in SQUARE) + "".join(f"vt {u} {v}\n" for u, v in INSIDE)
    path.write_text(f"mtllib mesh.mtl\n{rows}usemtl paint\nf 1/1 2/2 3/3\nf 1/1 3/3 4/4\n")
    mesh = read_mesh(path)
    order = np.argmin(np.linalg.norm(mesh.vertices[:, None] - SQUARE, axis=2), axis=1)
    np.testing.assert_allclose(colours_of(path), EXPECTED[order], atol=0.01)


def test_a_mesh_without_colours_has_none(folder: Path) -> None:
    path = folder / "mesh.ply"
    path.write_text(ply("x y z", SQUARE))
    mesh = read_mesh(path)
    assert mesh.colours is None
    np.testing.assert_array_equal(mesh.vertices, SQUARE)
    assert mesh.triangles.shape == (2, 3)


def test_what_is_wrong_is_named(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"absent.ply: no such file"):
        read_mesh(folder / "absent.ply")
    with pytest.raises(DatasetError, match=r"mesh.step: meshes are read from .ply, .obj, .*, not from '.step'"):
        read_mesh(folder / "mesh.step")
    (folder / "mesh.ply").write_text("nonsense")
    with pytest.raises(DatasetError, match=r"mesh.ply: not a PLY file"):
        read_mesh(folder / "mesh.ply")
    (folder / "mesh.stl").write_text("nonsense")
    with pytest.raises(DatasetError, match=r"mesh.stl: no vertices in it"):
        read_mesh(folder / "mesh.stl")
    comment = "comment TextureFile lost.png\n"
    (folder / "mesh.ply").write_text(ply("x y z u v", np.hstack([SQUARE, INSIDE]), comment=comment))
    with pytest.raises(DatasetError, match=r"lost.png: no such file"):
        read_mesh(folder / "mesh.ply")
