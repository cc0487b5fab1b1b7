"""PCD as drivers and tools write it, read or refused; the writer here follows the format's description."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open3d
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isometry.datasets.point_clouds import lzf
from isometry.datasets.point_clouds.pcd import parse_pcd

COUNT = 40
POINTS = np.random.default_rng(0).uniform(-50.0, 50.0, (COUNT, 3)).astype(np.float32)
Outcome = Callable[[Callable[[], Any]], Any]
Field = tuple[str, str, np.ndarray]  # name, numpy type, values (N,) or (N,C)

X, Y, Z = (("xyz"[k], "<f4", POINTS[:, k]) for k in range(3))
PAD_4: Field = ("_", "<u1", np.full((COUNT, 4), 7))
PAD_10: Field = ("_", "<u1", np.full((COUNT, 10), 7))
INTENSITY: Field = ("intensity", "<f4", np.linspace(0.0, 255.0, COUNT))
RING: Field = ("ring", "<u2", np.arange(COUNT))
STAMP: Field = ("timestamp", "<f8", np.full(COUNT, 1.7e18))
HISTOGRAM: Field = ("fpfh", "<f4", np.ones((COUNT, 33)))
LAYOUTS: dict[str, list[Field]] = {
    "xyz": [X, Y, Z],
    "padded as PCL does": [X, Y, Z, PAD_4, INTENSITY, RING, PAD_10],
    "Hesai": [X, Y, Z, INTENSITY, STAMP, RING],
    "histogram first": [HISTOGRAM, X, Y, Z],
    "another order": [Z, INTENSITY, Y, X],
    "float64": [(name, "<f8", values) for name, _, values in (X, Y, Z)],
    "mixed": [("x", "<f8", X[2]), Y, Z],
}


def header(fields: list[Field], data: str, **changes: str) -> bytes:
    """Lines of a header; `changes` replace the values of keywords, an empty one leaves its line out."""
    types = [np.dtype(kind) for _, kind, _ in fields]
    lines = {
        "VERSION": "0.7",
        "FIELDS": " ".join(name for name, _, _ in fields),
        "SIZE": " ".join(str(each.itemsize) for each in types),
        "TYPE": " ".join(each.kind.upper() for each in types),
        "COUNT": " ".join(str(values[0].size) for _, _, values in fields),
        "WIDTH": str(COUNT),
        "HEIGHT": "1",
        "VIEWPOINT": "0 0 0 1 0 0 0",
        "POINTS": str(COUNT),
        "DATA": data,
    } | changes
    text = "".join(f"{key} {value}\n" for key, value in lines.items() if value)
    return b"# .PCD v0.7 - Point Cloud Data file format\n" + text.encode()


def columns(fields: list[Field]) -> list[bytes]:
    return [values.astype(kind).tobytes() for _, kind, values in fields]


def body(fields: list[Field], data: str) -> bytes:
    if data == "binary":
        rows = zip(*(values.astype(kind).reshape(COUNT, -1) for _, kind, values in fields), strict=True)
        return b"".join(value.tobytes() for row in rows for value in row)
    if data == "ascii":
        table = np.column_stack([values.astype(kind).reshape(COUNT, -1) for _, kind, values in fields])
        return "".join(" ".join(f"{value:.9g}" for value in row) + "\n" for row in table).encode()
    return compressed(b"".join(columns(fields)))


def compressed(content: bytes) -> bytes:
    """LZF of literal runs alone, which is legal, after its two sizes."""
    runs = [content[k : k + 32] for k in range(0, len(content), 32)]
    packed = b"".join(bytes([len(run) - 1]) + run for run in runs)
    return struct.pack("<II", len(packed), len(content)) + packed


def file(fields: list[Field], data: str, **changes: str) -> bytes:
    return header(fields, data, **changes) + body(fields, data)


@pytest.mark.parametrize("data", ["ascii", "binary", "binary_compressed"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_points(layout: str, data: str) -> None:
    np.testing.assert_allclose(parse_pcd(file(LAYOUTS[layout], data)), POINTS, rtol=1e-6)


def test_padding_that_pcl_leaves_out_of_compressed_columns_is_left_out() -> None:
    fields = [PAD_4, X, PAD_10, Y, Z]
    content = header(fields, "binary_compressed") + compressed(b"".join(columns([X, Y, Z])))
    np.testing.assert_array_equal(parse_pcd(content), POINTS)


@pytest.mark.parametrize("data", ["ascii", "binary", "binary_compressed"])
@pytest.mark.parametrize(
    "changes",
    [
        {"WIDTH": "8", "HEIGHT": "5"},
        {"VIEWPOINT": ""},
        {"COUNT": ""},
        {"POINTS": ""},
        {"WIDTH": "", "HEIGHT": ""},
        {"VERSION": ".7"},
        {"VIEWPOINT": "10 5 2 0.7 0 0 0.7"},
        {"TYPE": "f f f"},
    ],
)
def test_headers_may_differ(changes: dict[str, str], data: str) -> None:
    np.testing.assert_allclose(parse_pcd(file(LAYOUTS["xyz"], data, **changes)), POINTS, rtol=1e-6)


def test_lines_may_end_as_on_windows_and_numbers_be_parted_by_tabs() -> None:
    content = file(LAYOUTS["xyz"], "ascii")
    for written in (content.replace(b"\n", b"\r\n"), content.replace(b"\n", b" \n"), content[:-1]):
        np.testing.assert_allclose(parse_pcd(written), POINTS, rtol=1e-6)
    head, rows = header(LAYOUTS["xyz"], "ascii"), body(LAYOUTS["xyz"], "ascii")
    np.testing.assert_allclose(parse_pcd(head + rows.replace(b" ", b"\t")), POINTS, rtol=1e-6)
    binary = header(LAYOUTS["xyz"], "binary").replace(b"\n", b"\r\n") + body(LAYOUTS["xyz"], "binary")
    np.testing.assert_array_equal(parse_pcd(binary), POINTS)


def test_readings_without_a_return_stay_in_their_places() -> None:
    holed = np.where(np.arange(COUNT)[:, None] % 7 == 0, np.nan, POINTS)
    fields: list[Field] = [("xyz"[k], "<f4", holed[:, k]) for k in range(3)]
    for data in ("ascii", "binary", "binary_compressed"):
        np.testing.assert_allclose(parse_pcd(file(fields, data)), holed, rtol=1e-6)


@pytest.mark.parametrize("form", ["ascii", "binary", "binary_compressed"])
def test_files_of_open3d_are_read(tmp_path: Path, form: str) -> None:
    """Its LZF, unlike that above, has copies of earlier bytes."""
    path, regular = tmp_path / "cloud.pcd", np.round(POINTS, 1).repeat(20, axis=0).astype(np.float64)
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(regular))
    written = open3d.io.write_point_cloud(path, cloud, write_ascii=form == "ascii", compressed=form.endswith("d"))
    assert written
    np.testing.assert_allclose(parse_pcd(path.read_bytes()), regular, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"POINTS": "0"}, "POINTS 0, but WIDTH x HEIGHT is 40"),
        ({"HEIGHT": "2"}, "POINTS 40, but WIDTH x HEIGHT is 80"),
        ({"WIDTH": "4000000000", "POINTS": "4000000000"}, "cut off"),
        ({"WIDTH": "20", "POINTS": "20"}, "promises 20 points, but 40"),
        ({"WIDTH": "-1"}, "WIDTH -1, which is no whole number"),
        ({"COUNT": "1 1 0"}, "COUNT 0"),
        ({"COUNT": "1 1 4000000000"}, "'z' has 4000000000 values"),
        ({"SIZE": "4 4"}, "different numbers of fields"),
        ({"SIZE": "4 4 3"}, "unknown TYPE F of SIZE 3"),
        ({"FIELDS": "a b c"}, r"no field 'x' \(fields: a, b, c\)"),
        ({"DATA": "zip"}, "DATA 'zip' is none of ascii"),
        ({"DATA": ""}, "no line DATA"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_by_name(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_pcd(file(LAYOUTS["xyz"], "binary", **changes))


@pytest.mark.parametrize("data", ["ascii", "binary", "binary_compressed"])
def test_a_claim_of_four_thousand_million_points_is_cut_off(data: str) -> None:
    with pytest.raises(ValueError, match=r"cut off|its data has"):
        parse_pcd(file(LAYOUTS["xyz"], data, WIDTH="4000000000", POINTS="4000000000"))


@pytest.mark.parametrize("data", ["ascii", "binary", "binary_compressed"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_that_was_cut_off_says_so(data: str, share: float) -> None:
    head, rest = header(LAYOUTS["Hesai"], data), body(LAYOUTS["Hesai"], data)
    with pytest.raises(ValueError, match="cut off"):
        parse_pcd(head + rest[: int(share * len(rest))])


def test_commas_and_short_lines_are_no_points() -> None:
    head, rows = header(LAYOUTS["xyz"], "ascii"), body(LAYOUTS["xyz"], "ascii")
    for bad in (rows.replace(b" ", b","), rows.replace(b" ", b"", 1), rows.replace(b".", b",")):
        with pytest.raises(ValueError, match="not lines of 3 numbers"):
            parse_pcd(head + bad)


@given(st.binary(max_size=400), st.sampled_from(["ascii", "binary", "binary_compressed"]))
def test_any_bytes_after_a_header_are_points_or_refused(outcome: Outcome, content: bytes, data: str) -> None:
    points = outcome(lambda: parse_pcd(header(LAYOUTS["xyz"], data) + content))
    assert "\n" not in points if isinstance(points, str) else points.shape == (COUNT, 3)


@given(st.binary(max_size=60), st.integers(0, 5000))
def test_lzf_gives_the_promised_bytes_or_an_error(outcome: Outcome, data: bytes, size: int) -> None:
    content = outcome(lambda: lzf.decompressed(data, size))
    assert "compressed" in content if isinstance(content, str) else len(content) == size


def test_lzf_repeats_what_a_copy_overlaps() -> None:
    # one literal "ab", then ten bytes from two back: length 7 + 1 + 2, distance 2
    assert lzf.decompressed(bytes([1]) + b"ab" + bytes([0xE0, 1, 1]), 12) == b"ab" * 6
