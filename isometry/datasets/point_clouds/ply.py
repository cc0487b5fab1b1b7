"""Parser of PLY (Turk, "The PLY polygon file format", 1994): text or binary of either byte order, any elements.

Points are the x, y, z of the element `vertex`, and a mesh has the element `face` too. Others, such as the grid of a
range scanner (`range_grid`), and other properties are stepped over, lists of any length among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.point_clouds.meshes import Mesh, Triangles, triangles_of

TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
FORMATS = {"ascii": "<", "binary_little_endian": "<", "binary_big_endian": ">"}
LONGEST_NUMBER = 64  # letters
CORNERS = ("vertex_indices", "vertex_index")  # names of the list of a face
CHANNELS = (("red", "diffuse_red"), ("green", "diffuse_green"), ("blue", "diffuse_blue"))
TEXTURE_AXES = (("texture_u", "s", "u"), ("texture_v", "t", "v"))
TEXTURE_COMMENT = ["comment", "TextureFile"]  # begins the line that names the image


@dataclass(frozen=True)
class Property:
    """A number, or a list of numbers that begins with their count."""

    name: str
    dtype: np.dtype[Any]
    count_dtype: np.dtype[Any] | None  # of lists


@dataclass(frozen=True)
class Element:
    """A table: `count` rows that have the same properties."""

    name: str
    count: int
    properties: tuple[Property, ...]

    @property
    def has_lists(self) -> bool:
        """Whether its rows can differ in length."""
        return any(each.count_dtype is not None for each in self.properties)

    def row(self, lengths: tuple[int, ...]) -> np.dtype[np.void]:
        """Type of a row whose lists have these lengths."""
        parts: list[tuple[str, Any]] = []
        remaining = list(lengths)
        for number, each in enumerate(self.properties):
            if each.count_dtype is None:
                parts.append((str(number), each.dtype))
            else:
                parts.append((f"count {number}", each.count_dtype))
                parts.append((str(number), (each.dtype, (remaining.pop(0),))))
        return np.dtype(parts)

    def index(self, *names: str) -> int | None:
        """Number of the first property that has one of the names."""
        return next((number for number, each in enumerate(self.properties) if each.name in names), None)


Column = NDArray[Any] | list[NDArray[Any]]  # numbers (N,), lists of one length (N,L), or lists of several lengths


class PaintedMesh(NamedTuple):
    """A mesh with what the file tells of its colours."""

    mesh: Mesh
    colours: Array | None  # (V,3) red, green, blue of the vertices, 0 to 1
    texture: str  # name of the image that is pasted on it; "" without one
    texture_points: Array | None  # (V,2), or (T,3,2) of the corners of triangles: 0 to 1, right and up in it


def parse_ply(content: bytes) -> Mesh:
    """The vertices and triangles of a file. Raises ValueError that says what does not fit."""
    return parse_painted_ply(content).mesh


def parse_painted_ply(content: bytes) -> PaintedMesh:
    """The vertices and triangles of a file and their colours. Raises ValueError that says what does not fit."""
    if not content.startswith(b"ply"):
        raise ValueError("not a PLY file")
    head, ended, body = content.partition(b"end_header")
    if not ended:
        raise ValueError("cut off, its header has no end_header")
    text = head.decode("ascii", errors="replace")
    binary, elements = _header(text)
    # the header ends with \n, \r\n or \r
    body = body[2:] if body[:2] == b"\r\n" else body[1:]
    body = body if binary else _numbers(body)
    vertices, colours, texture_points, triangles = None, None, None, np.zeros((0, 3), np.int64)
    at = 0
    for element in elements:
        columns, at = _columns(element, body, at)
        if element.name == "vertex":
            vertices = _numbers_of(element, columns, (("x",), ("y",), ("z",)))
            if vertices is None:
                names = ", ".join(each.name for each in element.properties)
                raise ValueError(f"its vertices have no x, y and z (they have {names})")
            colours = _colours(element, columns)
            texture_points = _numbers_of(element, columns, TEXTURE_AXES)
        elif element.name == "face" and (corners := element.index(*CORNERS)) is not None:
            triangles = triangles_of(columns[corners])
            pasted = element.index("texcoord")
            if pasted is not None:
                texture_points = _texture_of_corners(columns[pasted], triangles)
    if vertices is None:
        raise ValueError("it has no element vertex")
    row = max(element.row((0,) * len(element.properties)).itemsize for element in elements)
    if len(body) - at >= row:
        raise ValueError(f"its header promises fewer rows than there are: {len(body) - at} bytes are left over")
    comments = (line.split(maxsplit=2) for line in text.splitlines())
    texture = next((words[2] for words in comments if words[:2] == TEXTURE_COMMENT and len(words) == 3), "")
    return PaintedMesh(Mesh(vertices, triangles), colours, texture.strip(), texture_points)


def _numbers_of(element: Element, columns: list[Column], names: tuple[tuple[str, ...], ...]) -> Array | None:
    """The properties (N,D) that have these names, each with its alternatives; None where one is missing or a list."""
    found = [element.index(*alternatives) for alternatives in names]
    if any(k is None or element.properties[k].count_dtype is not None for k in found):
        return None
    return np.stack([np.asarray(columns[k], np.float64) for k in found if k is not None], axis=1)


def _colours(element: Element, columns: list[Column]) -> Array | None:
    """The colours (N,3) of vertices, 0 to 1: whole numbers are bytes, as are those of a text."""
    colours = _numbers_of(element, columns, CHANNELS)
    if colours is None:
        return None
    in_bytes = colours.max(initial=0.0) > 1.0
    return np.clip(colours / 255.0 if in_bytes else colours, 0.0, 1.0)


def _texture_of_corners(column: Column, triangles: Triangles) -> Array | None:
    """Points (T,3,2) in the image for the corners of triangles; None where faces are no triangles."""
    if not isinstance(column, np.ndarray) or column.shape != (len(triangles), 6):
        return None
    return column.reshape(-1, 3, 2).astype(np.float64)


def _header(text: str) -> tuple[bool, list[Element]]:
    """Whether the file is binary, and its elements. In text every number is read as one of 8 bytes."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    kind = next((line[1] for line in lines if line[0] == "format" and len(line) > 1), "")
    if kind not in FORMATS:
        raise ValueError(f"its format {kind!r} is none of {', '.join(FORMATS)}")
    order, binary = FORMATS[kind], kind != "ascii"
    elements: list[Element] = []
    for line in lines:
        try:
            if line[0] == "element":
                elements.append(Element(line[1], int(line[2]), ()))
            elif line[0] == "property":
                types = [np.dtype(order + (TYPES[word] if binary else "f8")) for word in line[1:-1] if word != "list"]
                if len(types) != (2 if line[1] == "list" else 1):
                    raise ValueError
                added = Property(line[-1], types[-1], types[0] if line[1] == "list" else None)
                last = elements[-1]
                elements[-1] = Element(last.name, last.count, (*last.properties, added))
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"its header cannot be understood: {' '.join(line)!r}") from error
    for element in elements:
        if element.count < 0 or (element.count and not element.properties):
            raise ValueError(f"element {element.name} has {element.count} rows of {len(element.properties)} properties")
    if not elements:
        raise ValueError("its header has no elements")
    return binary, elements


def _numbers(body: bytes) -> bytes:
    """The numbers of a text, as float64."""
    words = body.split()
    if words and max(map(len, words)) > LONGEST_NUMBER:
        raise ValueError("its data has a word that is not a number")
    try:
        return np.array(words, dtype=np.bytes_).astype("<f8").tobytes() if words else b""
    except ValueError as error:
        raise ValueError(f"its data has a word that is not a number ({error})") from error


def _columns(element: Element, body: bytes, at: int) -> tuple[list[Column], int]:
    """The columns of an element whose rows begin at byte `at`, and the byte after them."""
    shortest = element.row((0,) * len(element.properties)).itemsize
    if element.count * shortest > len(body) - at:
        raise ValueError(f"cut off, its header promises {element.count} rows of {element.name}")
    if element.count == 0:
        return [np.zeros(0, each.dtype) for each in element.properties], at
    lengths = _first_lengths(element, body, at)
    row = element.row(lengths)
    if element.count * row.itemsize <= len(body) - at:
        table = np.frombuffer(body, row, element.count, at)
        counts = [table[name] for name in table.dtype.names or () if name.startswith("count")]
        if all((count == length).all() for count, length in zip(counts, lengths, strict=True)):
            return [table[str(k)] for k in range(len(element.properties))], at + element.count * row.itemsize
    if not element.has_lists:
        raise ValueError(f"cut off in the rows of {element.name}")
    return _uneven_columns(element, body, at)


def _first_lengths(element: Element, body: bytes, at: int) -> tuple[int, ...]:
    """Lengths of the lists in the first row."""
    lengths = []
    for each in element.properties:
        if each.count_dtype is None:
            at += each.dtype.itemsize
        else:
            lengths.append(_length(element, each.count_dtype, each.dtype, body, at))
            at += each.count_dtype.itemsize + lengths[-1] * each.dtype.itemsize
    return tuple(lengths)


def _length(element: Element, count_dtype: np.dtype[Any], dtype: np.dtype[Any], body: bytes, at: int) -> int:
    """Length of a list that begins at byte `at`, and lies within the body."""
    room = len(body) - at - count_dtype.itemsize
    if room < 0:
        raise ValueError(f"cut off in the rows of {element.name}")
    length = float(np.frombuffer(body, count_dtype, 1, at)[0])
    if not 0.0 <= length * dtype.itemsize <= room or not length.is_integer():
        raise ValueError(f"cut off or damaged: a list of {element.name} has {length:.10g} numbers")
    return int(length)


def _uneven_columns(element: Element, body: bytes, at: int) -> tuple[list[Column], int]:
    """Columns of rows whose lists differ in length, row by row."""
    begins: list[list[int]] = [[] for _ in element.properties]
    lengths: list[list[int]] = [[] for _ in element.properties]
    for _ in range(element.count):
        for number, each in enumerate(element.properties):
            if each.count_dtype is None:
                length = 1
            else:
                length = _length(element, each.count_dtype, each.dtype, body, at)
                at += each.count_dtype.itemsize
            begins[number].append(at)
            lengths[number].append(length)
            at += length * each.dtype.itemsize
        if at > len(body):
            raise ValueError(f"cut off in the rows of {element.name}")
    columns: list[Column] = []
    for number, each in enumerate(element.properties):
        rows = [
            np.frombuffer(body, each.dtype, length, begin)
            for begin, length in zip(begins[number], lengths[number], strict=True)
        ]
        columns.append(rows if each.count_dtype is not None else np.concatenate(rows))
    return columns, at
