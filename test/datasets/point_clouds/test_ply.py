"""PLY files in every form that the format allows, built byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isometry.datasets.point_clouds.ply import parse_ply

POINTS = np.array([[1.0, 2.0, 3.0], [-4.0, 5.5, 6.0], [7.0, -8.0, 9.25], [0.5, 0.25, -1.0]])
FORMS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
KINDS = {"float": "f", "double": "d", "int": "i", "uchar": "B", "char": "b", "ushort": "H"}
Outcome = Callable[[Callable[[], Any]], Any]
Rows = list[list[float | list[int]]]
XYZ = ["float x", "float y", "float z"]


def element(name: str, properties: list[str], rows: Rows) -> tuple[str, list[str], Rows]:
    return name, properties, rows


def file(
    form: str, *elements: tuple[str, list[str], Rows], newline: str = "\n", counts: dict[str, int] | None = None
) -> bytes:
    """A file of elements; `counts` are promised in place of the true ones."""
    head = ["ply", f"format {form} 1.0", "comment made by hand", "obj_info num_cols 2"]
    body = b""
    for name, properties, rows in elements:
        head += [f"element {name} {(counts or {}).get(name, len(rows))}", *(f"property {each}" for each in properties)]
        for row in rows:
            words: list[str] = []
            for kind, value in zip((each.split() for each in properties), row, strict=True):
                values = value if isinstance(value, list) else [value]
                if kind[0] == "list":
                    body += b"" if form == "ascii" else struct.pack(FORMS[form] + KINDS[kind[1]], len(values))
                    words.append(str(len(values)))
                kinds = KINDS[kind[-2]]
                if form != "ascii":
                    body += struct.pack(f"{FORMS[form]}{len(values)}{kinds}", *values)
                words += [str(each) for each in values]
            body += (" ".join(words) + "\n").encode() if form == "ascii" else b""
    return (newline.join([*head, "end_header"]) + newline).encode() + body


VERTICES: Rows = [list(map(float, row)) for row in POINTS]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_points_of_every_form(form: str, newline: str) -> None:
    for kind in ("float", "double"):
        content = file(form, element("vertex", [f"{kind} {axis}" for axis in "xyz"], VERTICES), newline=newline)
        np.testing.assert_array_equal(parse_ply(content).vertices, POINTS)


@pytest.mark.parametrize("form", FORMS)
def test_a_range_grid_is_stepped_over(form: str) -> None:
    """The scans of Stanford's repository: a grid whose cells have no vertex or one."""
    grid: Rows = [[[0]], [[]], [[1]], [[2]], [[]], [[3]]]
    cells = element("range_grid", ["list uchar int vertex_indices"], grid)
    mesh = parse_ply(file(form, element("vertex", XYZ, VERTICES), cells))
    np.testing.assert_array_equal(mesh.vertices, POINTS)
    assert len(mesh.triangles) == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("lengths", [(2, 2, 2, 2), (1, 3, 0, 2)])
def test_lists_may_stand_before_the_coordinates(form: str, lengths: tuple[int, ...]) -> None:
    rows: Rows = [[list(range(n)), 7, *row] for n, row in zip(lengths, VERTICES, strict=True)]
    content = file(form, element("vertex", ["list uchar int views", "uchar red", *XYZ], rows))
    np.testing.assert_array_equal(parse_ply(content).vertices, POINTS)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", ["uchar", "int", "ushort"])
def test_faces_of_several_corners_become_triangles(form: str, count: str) -> None:
    faces: Rows = [[[0, 1, 2]], [[0, 1, 2, 3]]]
    content = file(form, element("vertex", XYZ, VERTICES), element("face", [f"list {count} int vertex_index"], faces))
    assert {tuple(triangle) for triangle in parse_ply(content).triangles.tolist()} == {(0, 1, 2), (0, 2, 3)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("promised", [{"vertex": 4_000_000_000}, {"face": 4_000_000_000}, {"vertex": 5}, {"face": 2}])
def test_rows_that_are_not_there_are_cut_off(form: str, promised: dict[str, int]) -> None:
    faces: Rows = [[[0, 1, 2]]]
    parts = element("face", ["list uchar int vertex_indices"], faces), element("vertex", XYZ, VERTICES)
    with pytest.raises(ValueError, match="cut off"):
        parse_ply(file(form, *parts, counts=promised))


@pytest.mark.parametrize("form", FORMS)
def test_rows_beyond_those_promised_are_named(form: str) -> None:
    with pytest.raises(ValueError, match="fewer rows than there are"):
        parse_ply(file(form, element("vertex", XYZ, VERTICES), counts={"vertex": 2}))


@pytest.mark.parametrize("form", ["binary_little_endian", "binary_big_endian"])
def test_a_list_longer_than_the_file_is_named(form: str) -> None:
    faces = element("face", ["list int int vertex_indices"], [[[0, 1, 2]]])
    content = file(form, element("vertex", XYZ, VERTICES), faces)
    damaged = content[:-16] + struct.pack(FORMS[form] + "i", 2_000_000_000) + content[-12:]
    with pytest.raises(ValueError, match="a list of face has 2000000000 numbers"):
        parse_ply(damaged)
    with pytest.raises(ValueError, match="a list of face has -1 numbers"):
        parse_ply(content[:-16] + struct.pack(FORMS[form] + "i", -1) + content[-12:])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"plywood", "no end_header"),
        (b"ply\nformat utf8 1.0\nelement vertex 0\nend_header\n", "its format 'utf8' is none of"),
        (b"ply\nformat ascii 1.0\nend_header\n", "no elements"),
        (b"ply\nformat ascii 1.0\nproperty float x\nend_header\n", "cannot be understood: 'property float x'"),
        (b"ply\nformat ascii 1.0\nelement vertex many\nend_header\n", "cannot be understood"),
        (b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n", "no x, y and z"),
        (b"ply\nformat ascii 1.0\nelement vertex 9\nend_header\n", "9 rows of 0 properties"),
        (b"ply\nformat ascii 1.0\nelement face 0\nproperty float x\nend_header\n", "no element vertex"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_by_name(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_ply(content)


def test_words_are_no_numbers() -> None:
    with pytest.raises(ValueError, match="a word that is not a number"):
        parse_ply(file("ascii", element("vertex", XYZ, VERTICES)).replace(b"5.5", b"5,5"))


@given(st.data(), st.sampled_from(list(FORMS)))
def test_a_damaged_file_is_read_or_refused(outcome: Outcome, data: st.DataObject, form: str) -> None:
    faces = element("face", ["list uchar int vertex_index"], [[[0, 1, 2]]])
    whole = file(form, element("vertex", XYZ, VERTICES), faces)
    content = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for at in data.draw(st.lists(st.integers(0, max(len(content) - 1, 0)), max_size=4)):
        if content:
            content[at] = data.draw(st.integers(0, 255))
    mesh = outcome(lambda: parse_ply(bytes(content)))
    assert "\n" not in mesh if isinstance(mesh, str) else mesh.vertices.shape[1] == 3
