"""Parser of PCD, the format of the Point Cloud Library (https://pointclouds.org), versions 0.5 to 0.7.

A header of lines `KEYWORD values` ends with DATA, then come the points: as text, as records, or as columns compressed
by LZF. A field can have several values (COUNT); fields named `_` are padding. VIEWPOINT is not used: nearly all files
have the default, whether it is right or not.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.point_clouds import lzf

PADDING = "_"
HEADER_LINES = 100
TYPES = {(kind.upper(), size): np.dtype(f"<{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)} | {
    ("F", 4): np.dtype("<f4"),
    ("F", 8): np.dtype("<f8"),
}


@dataclass(frozen=True)
class Field:
    """One field of every point: `count` values of one type."""

    name: str
    dtype: np.dtype[np.generic]
    count: int

    @property
    def size(self) -> int:
        """Bytes in a record."""
        return self.dtype.itemsize * self.count


@dataclass(frozen=True)
class Header:
    """What a header promises. `points` is WIDTH x HEIGHT."""

    fields: tuple[Field, ...]
    points: int
    data: str

    @property
    def record(self) -> int:
        """Bytes of a point."""
        return sum(field.size for field in self.fields)

    def coordinates(self) -> list[int]:
        """Positions of x, y and z among the fields. Raises ValueError where one is missing or is no single number."""
        names = [field.name for field in self.fields]
        missing = [name for name in "xyz" if name not in names]
        if missing:
            raise ValueError(f"no field {missing[0]!r} (fields: {', '.join(names)})")
        positions = [names.index(name) for name in "xyz"]
        for position in positions:
            if self.fields[position].count != 1:
                raise ValueError(f"field {names[position]!r} has {self.fields[position].count} values, not one")
        return positions


def parse_pcd(content: bytes) -> Array:
    """Points (N,3), also those that are not finite. Raises ValueError that says what does not fit."""
    header, body = _parse_header(content)
    positions = header.coordinates()
    readers: dict[str, Callable[[Header, bytes, list[int]], Array]] = {
        "ascii": _text,
        "binary": _records,
        "binary_compressed": _compressed_columns,
    }
    if header.data not in readers:
        raise ValueError(f"DATA {header.data!r} is none of {', '.join(readers)}")
    return readers[header.data](header, body, positions)


def _parse_header(content: bytes) -> tuple[Header, bytes]:
    """The header, and the bytes after it."""
    entries: dict[str, list[str]] = {}
    rest = content
    for _ in range(HEADER_LINES):
        line, newline, rest = rest.partition(b"\n")
        words = line.decode("ascii", errors="replace").split()
        if words and not words[0].startswith("#"):
            entries[words[0].upper()] = words[1:]
        if "DATA" in entries or not newline:
            break
    if "DATA" not in entries:
        raise ValueError("not a PCD file: its header has no line DATA")
    fields = _fields(entries)
    width, height, points = (_whole(entries, name) for name in ("WIDTH", "HEIGHT", "POINTS"))
    if width is None and points is None:
        raise ValueError("its header has neither WIDTH nor POINTS")
    expected = points if width is None else width * (1 if height is None else height)
    if points is not None and points != expected:
        raise ValueError(f"its header has POINTS {points}, but WIDTH x HEIGHT is {expected}")
    return Header(fields, expected or 0, " ".join(entries["DATA"]).lower()), rest


def _fields(entries: dict[str, list[str]]) -> tuple[Field, ...]:
    names = entries.get("FIELDS", entries.get("COLUMNS", []))
    columns = [entries.get("SIZE", []), entries.get("TYPE", []), entries.get("COUNT", ["1"] * len(names))]
    if not names or any(len(column) != len(names) for column in columns):
        lengths = " ".join(f"{key} {len(entries.get(key, []))}" for key in ("FIELDS", "SIZE", "TYPE", "COUNT"))
        raise ValueError(f"its header lists different numbers of fields ({lengths})")
    fields = []
    for name, size, kind, count in zip(names, *columns, strict=True):
        if not size.isdecimal() or (kind.upper(), int(size)) not in TYPES:
            raise ValueError(f"field {name!r} has the unknown TYPE {kind} of SIZE {size}")
        if not count.isdecimal() or int(count) < 1:
            raise ValueError(f"field {name!r} has COUNT {count}, which is no whole number above 0")
        fields.append(Field(name, TYPES[kind.upper(), int(size)], int(count)))
    return tuple(fields)


def _whole(entries: dict[str, list[str]], key: str) -> int | None:
    if key not in entries:
        return None
    if len(entries[key]) != 1 or not entries[key][0].isdecimal():
        raise ValueError(f"its header has {key} {' '.join(entries[key])}, which is no whole number")
    return int(entries[key][0])


def _text(header: Header, body: bytes, positions: list[int]) -> Array:
    lines = [line for line in body.decode("ascii", errors="replace").splitlines() if line.strip()]
    _check_amount(header, len(lines), "lines of numbers")
    if not lines:
        return np.zeros((0, 3))
    columns = sum(field.count for field in header.fields)
    first = np.cumsum([0] + [field.count for field in header.fields])
    try:
        # text holds more digits than the TYPE, so that a map in UTM keeps its millimetres
        table = np.loadtxt(lines, np.float64, comments=None, ndmin=2)
    except ValueError as error:
        raise ValueError(f"its points are not lines of {columns} numbers: {str(error).partition(';')[0]}") from error
    if table.shape[1] != columns:
        raise ValueError(f"its points have {table.shape[1]} numbers a line where the fields have {columns}")
    return table[:, [first[position] for position in positions]]


def _records(header: Header, body: bytes, positions: list[int]) -> Array:
    _check_amount(header, len(body) // header.record, f"points of {header.record} bytes")
    first = np.cumsum([0] + [field.size for field in header.fields])
    return _joined(
        [
            np.ndarray((header.points,), header.fields[k].dtype, body, int(first[k]), (header.record,))
            for k in positions
            if header.points
        ]
    )


def _compressed_columns(header: Header, body: bytes, positions: list[int]) -> Array:
    """Columns one after another; PCL leaves padding out of them, other writers do not."""
    if header.points == 0:
        return np.zeros((0, 3))
    if len(body) < 8:
        raise ValueError("cut off, its data begins with two sizes")
    compressed, size = struct.unpack_from("<II", body)
    if len(body) - 8 < compressed:
        raise ValueError(f"cut off, {compressed} compressed bytes are promised and {len(body) - 8} are there")
    without = sum(field.size for field in header.fields if field.name != PADDING)
    if size not in (header.points * header.record, header.points * without):
        raise ValueError(f"its data has {size} bytes, where {header.points} points have {header.points * without}")
    padded = size == header.points * header.record
    columns = lzf.decompressed(body[8 : 8 + compressed], size)
    first = np.cumsum([0] + [field.size if padded or field.name != PADDING else 0 for field in header.fields])
    return _joined(
        [
            np.frombuffer(columns, header.fields[k].dtype, header.points, int(first[k]) * header.points)
            for k in positions
        ]
    )


def _check_amount(header: Header, there: int, what: str) -> None:
    if there < header.points:
        raise ValueError(f"cut off, its header promises {header.points} points and {there} {what} are there")
    if there > header.points:
        raise ValueError(f"its header promises {header.points} points, but {there} {what} are there")


def _joined(columns: list[NDArray[np.generic]]) -> Array:
    return np.stack([column.astype(np.float64) for column in columns], axis=1) if columns else np.zeros((0, 3))
