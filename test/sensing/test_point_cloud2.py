"""PointCloud2 in every layout that drivers publish; the oracle packs each value with `struct`."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isometry.sensing.point_cloud2 import decode_xyz

UINT8, INT16, UINT32, FLOAT32, FLOAT64 = 2, 3, 6, 7, 8  # constants of sensor_msgs/PointField
CODES = {FLOAT32: "f", FLOAT64: "d", INT16: "h", UINT8: "B"}


@dataclass
class PointField:
    """sensor_msgs/PointField."""

    name: str
    offset: int
    datatype: int
    count: int = 1


@dataclass
class PointCloud2:
    """sensor_msgs/PointCloud2."""

    height: int
    width: int
    point_step: int = 0
    row_step: int = 0
    is_bigendian: bool = False
    fields: list[PointField] = field(default_factory=list)
    data: bytes = b""
    header: Any = None


def packed(
    points: np.ndarray,
    fields: tuple[tuple[str, int], ...] = (("x", 7), ("y", 7), ("z", 7)),
    gap: int = 0,
    height: int = 1,
    row_gap: int = 0,
    big_endian: bool = False,
) -> PointCloud2:
    """A cloud whose fields follow each other in the given order, each after `gap` bytes of rubbish."""
    message = PointCloud2(height=height, width=len(points) // height, is_bigendian=big_endian)
    offset = gap
    for name, datatype in fields:
        message.fields.append(PointField(name=name, offset=offset, datatype=datatype))
        offset += struct.calcsize(CODES[datatype]) + gap
    message.point_step, message.row_step = offset, offset * message.width + row_gap
    data, order = bytearray(), ">" if big_endian else "<"
    for index, point in enumerate(points):
        values = dict(zip("xyz", point, strict=True))
        data += b"\xff" * gap
        for name, datatype in fields:
            value = values.get(name, 3)
            whole = datatype in (INT16, UINT8)
            data += struct.pack(order + CODES[datatype], int(value) if whole else value) + b"\xff" * gap
        if (index + 1) % message.width == 0:
            data += b"\xff" * row_gap
    message.data = bytes(data)
    return message


@settings(max_examples=80, deadline=None)
@given(
    order=st.permutations(["x", "y", "z", "intensity", "ring"]),
    types=st.tuples(*[st.sampled_from([FLOAT32, FLOAT64, INT16])] * 3),
    gap=st.integers(0, 5),
    height=st.sampled_from([1, 2, 4]),
    row_gap=st.integers(0, 9),
    big_endian=st.booleans(),
)
def test_any_layout_gives_the_points(
    order: list[str], types: tuple[int, ...], gap: int, height: int, row_gap: int, big_endian: bool
) -> None:
    points = np.arange(24.0).reshape(8, 3) - 7.0
    kinds = {**dict(zip("xyz", types, strict=True)), "intensity": FLOAT32, "ring": UINT8}
    fields = tuple((name, kinds[name]) for name in order)
    decoded = decode_xyz(packed(points, fields, gap, height, row_gap, big_endian))
    assert np.array_equal(decoded, points)
    assert decoded.dtype == (np.float64 if FLOAT64 in types else np.float32)


def test_float64_keeps_its_precision() -> None:
    points = np.array([[4_500_000.123456789, -1e-9, 3.0]])
    assert np.array_equal(decode_xyz(packed(points, (("x", 8), ("y", 8), ("z", 8)))), points)


def test_points_that_are_not_finite_are_left_out_whatever_is_dense_says() -> None:
    points = np.array([[1, 2, 3], [np.nan, 0, 0], [4, 5, 6], [0, np.inf, 0], [7, 8, 9], [0, 0, -np.inf]])
    assert np.array_equal(decode_xyz(packed(points)), points[[0, 2, 4]])


@pytest.mark.parametrize("count", [0, 1])
def test_empty_and_single_points(count: int) -> None:
    points = np.full((count, 3), 2.5)
    assert np.array_equal(decode_xyz(packed(points)), points)


def test_the_common_layout_is_a_view_of_the_message() -> None:
    points = np.random.default_rng(0).normal(size=(120_000, 4)).astype("<f4")
    fields: list[PointField] = [PointField(name, 4 * k, FLOAT32) for k, name in enumerate(("x", "y", "z", "intensity"))]
    message = PointCloud2(1, 120_000, 16, 16 * 120_000, False, fields, points.tobytes())
    decoded = decode_xyz(message)
    assert np.array_equal(decoded, points[:, :3])
    assert np.shares_memory(decoded, np.frombuffer(message.data, np.uint8))
    assert not decoded.flags.writeable


def test_drivers_that_leave_row_step_zero_are_understood() -> None:
    points = np.arange(12.0).reshape(4, 3)
    message = packed(points)
    message.row_step = 0
    assert np.array_equal(decode_xyz(message), points)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fields": []}, "no field 'x'"),
        ({"data": b"\x00" * 47}, "truncated: 47 bytes of 48"),
        ({"data": b""}, "truncated: 0 bytes of 48"),
        ({"point_step": 8}, "'z' ends beyond point_step = 8"),
        ({"height": 2, "width": 2, "row_step": 12}, "row_step = 12 is less than"),
        ({"width": 1 << 31}, "truncated"),
    ],
)
def test_a_layout_that_does_not_fit_is_refused_in_one_line(changes: dict[str, Any], words: str) -> None:
    message = packed(np.arange(12.0).reshape(4, 3))
    for name, value in changes.items():
        setattr(message, name, value)
    with pytest.raises(ValueError, match=words) as caught:
        decode_xyz(message)
    assert "\n" not in str(caught.value)


def test_a_missing_field_is_named_with_those_that_are_there() -> None:
    message = packed(np.zeros((2, 3)), (("x", 7), ("y", 7), ("intensity", 7)))
    with pytest.raises(ValueError, match=r"no field 'z' \(fields: x, y, intensity\)"):
        decode_xyz(message)


def test_an_unknown_datatype_is_named() -> None:
    message = packed(np.zeros((2, 3)))
    message.fields[1].datatype = 99
    with pytest.raises(ValueError, match="'y' has the unknown datatype 99"):
        decode_xyz(message)
