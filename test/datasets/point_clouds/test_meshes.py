"""Meshes in text and binary, and what is wrong with them."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from isometry.datasets.point_clouds.meshes import SAMPLES, Mesh, parse_obj, parse_off, parse_stl, points_of

SQUARE = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
FANS = {(0, 1, 2), (0, 2, 3)}


def triangles(mesh: Mesh) -> set[tuple[int, ...]]:
    return {tuple(each) for each in mesh.triangles.tolist()}


@pytest.mark.parametrize("head", ["OFF\n4 1 0\n", "OFF 4 1 0\n", "# made by hand\nCOFF\n\n4 1 0 # counts\n"])
def test_off(head: str) -> None:
    rows = "".join(" ".join(map(str, row)) + " 255 0 0\n" for row in SQUARE)
    mesh = parse_off(f"{head}{rows}4 0 1 2 3 255 0 0\n".encode())
    np.testing.assert_array_equal(mesh.vertices, SQUARE)
    assert triangles(mesh) == FANS


@pytest.mark.parametrize("face", ["f 1 2 3 4", "f 1/1/1 2/2/2 3/3/3 4/4/4", "f 1//1 2//2 3//3 4//4", "f -4 -3 -2 -1"])
def test_obj(face: str) -> None:
    rows = "".join(f"v {x} {y} {z}\n" for x, y, z in SQUARE)
    mesh = parse_obj(f"mtllib absent.mtl\no square\n{rows}vn 0 0 1\n{face}\n".encode())
    np.testing.assert_array_equal(mesh.vertices, SQUARE)
    assert triangles(mesh) == FANS


def stl_binary(count: int, head: bytes = b"made by hand") -> bytes:
    facets = [SQUARE[[0, 1, 2]], SQUARE[[0, 2, 3]]]
    body = b"".join(struct.pack("<12fH", 0, 0, 1, *facet.ravel(), 0) for facet in facets)
    return head.ljust(80) + struct.pack("<I", count) + body


def stl_text() -> bytes:
    facets = [SQUARE[[0, 1, 2]], SQUARE[[0, 2, 3]]]
    loops = ["".join(f"vertex {x} {y} {z}\n" for x, y, z in facet) for facet in facets]
    body = "".join(f"facet normal 0 0 1\nouter loop\n{loop}endloop\nendfacet\n" for loop in loops)
    return f"solid square\n{body}endsolid square\n".encode()


@pytest.mark.parametrize("content", [stl_binary(2), stl_binary(2, b"solid in name only"), stl_text()])
def test_stl(content: bytes) -> None:
    mesh = parse_stl(content)
    np.testing.assert_array_equal(mesh.vertices[mesh.triangles], SQUARE[[[0, 1, 2], [0, 2, 3]]])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (stl_binary(4_000_000_000), "promises 4000000000 triangles, and has bytes for 2"),
        (stl_binary(2)[:-1], "promises 2 triangles, and has bytes for 1"),
        (stl_text()[:-60], "cut off, it has no endsolid"),
        (stl_text().replace(b"vertex 1.0", b"vertex one", 1), "not three numbers"),
        (stl_text().replace(b"vertex 1.0 0.0 0.0\n", b"", 1), "not three for each facet"),
        (b"", "not an STL file"),
    ],
)
def test_stl_that_does_not_fit_is_refused_by_name(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_stl(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            b"OFF\n4000000000 4000000000 0\n0 0 0\n",
            "promises 4000000000 vertices and .* has 1 lines",
        ),
        (b"OFF\n2 0 0\n0 0 0\n", "and has 1 lines"),
        (b"OFF\nmany 0 0\n", "no numbers of vertices"),
        (b"OFF\n1 1 0\n0 0 0\n3 0 0\n", "fewer corners than it says"),
        (b"OFF\n1 0 0\n0 zero 0\n", "are not numbers"),
        (b"COFFEE", "not an OFF file"),
    ],
)
def test_off_that_does_not_fit_is_refused_by_name(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_off(content)


@pytest.mark.parametrize("line", ["v 1 2", "v 1 x 2", "f 1 2 a"])
def test_a_line_of_obj_that_is_no_vertex_or_face_is_named(line: str) -> None:
    with pytest.raises(ValueError, match=f"line 2 is not a vertex or a face: '{line}'"):
        parse_obj(f"v 0 0 0\n{line}\n".encode())


@pytest.mark.parametrize("corner", [9, 0, -9])
def test_a_face_of_vertices_that_do_not_exist_is_refused(corner: int) -> None:
    rows = "".join(f"v {x} {y} {z}\n" for x, y, z in SQUARE)
    with pytest.raises(ValueError, match=r"a vertex that does not exist \(there are 4\)"):
        points_of(parse_obj(f"{rows}f 1 2 {corner}\n".encode()))


def test_a_vertex_that_is_not_finite_spoils_only_its_triangles() -> None:
    vertices = np.vstack([SQUARE, [[np.nan, 0.0, 0.0]]])
    points = points_of(Mesh(vertices, np.array([[0, 1, 2], [0, 2, 3], [0, 1, 4]])))
    assert points.shape == (SAMPLES, 3)
    np.testing.assert_allclose(points.mean(axis=0), [0.5, 0.5, 0.0], atol=0.01)
