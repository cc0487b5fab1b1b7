"""LAS and LAZ of every version and point format, their units, and false claims in their headers."""

from __future__ import annotations

import io
import struct
from typing import Any

import laspy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isometry.datasets.point_clouds.las import parse_las
from isometry.datasets.point_clouds.las_units import ASCII, KEYS, TEXT

COUNT = 300
POINTS = np.random.default_rng(0).uniform(-20.0, 20.0, (COUNT, 3)).round(3) + np.array([448_261.0, 5_411_932.0, 212.0])
FORMATS = [("1.2", k) for k in range(4)] + [("1.3", k) for k in range(6)] + [("1.4", k) for k in range(11)]
MINOR, VLRS, POINT_FORMAT, RECORD, LEGACY_POINTS, EVLRS, POINT_COUNT = 25, 100, 104, 105, 107, 243, 247  # bytes
UTM = 'PROJCS["WGS 84 / UTM 32N",GEOGCS["WGS 84",{}UNIT["degree",0.0174532925199433]],{}]'


def file(
    version: str = "1.4", point_format: int = 6, compress: bool = False, records: dict[str, bytes] | None = None
) -> bytes:
    """A file of laspy; `records` are of the owner of coordinate systems: `keys`, `ascii`, `text`."""
    header = laspy.LasHeader(point_format=point_format, version=version)
    header.offsets, header.scales = POINTS[0], np.full(3, 0.001)
    numbers = {"keys": KEYS, "ascii": ASCII, "text": TEXT}
    header.vlrs.extend(laspy.VLR(*numbers[name], "", content) for name, content in (records or {}).items())
    cloud = laspy.LasData(header)
    cloud.xyz = POINTS
    stream = io.BytesIO()
    cloud.write(stream, do_compress=compress)
    return stream.getvalue()


def changed(content: bytes, at: int, layout: str, value: Any) -> bytes:
    changed = bytearray(content)
    struct.pack_into(layout, changed, at, value)
    return bytes(changed)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(("version", "point_format"), FORMATS)
def test_every_version_and_point_format(version: str, point_format: int, compress: bool) -> None:
    read = parse_las(file(version, point_format, compress))
    np.testing.assert_allclose(read, POINTS, atol=0.00051)


@pytest.mark.parametrize("minor", [0, 1])
def test_the_first_versions_differ_in_nothing_that_is_read(minor: int) -> None:
    content = changed(file("1.2", 1), MINOR, "<B", minor)
    np.testing.assert_allclose(parse_las(content), POINTS, atol=0.00051)


def test_a_count_that_stands_in_the_old_place_alone_is_believed() -> None:
    content = changed(changed(file("1.4", 1), LEGACY_POINTS, "<I", COUNT), POINT_COUNT, "<Q", 0)
    np.testing.assert_allclose(parse_las(content), POINTS, atol=0.00051)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    ("at", "layout", "value"),
    [
        (POINT_COUNT, "<Q", 4_000_000_000),
        (POINT_COUNT, "<Q", 2**63),
        (POINT_COUNT, "<Q", COUNT + 1),
        (VLRS, "<I", 4_000_000_000),
        (EVLRS, "<I", 4_000_000_000),
        (MINOR, "<B", 9),
        (POINT_FORMAT, "<B", 11),
        (RECORD, "<H", 3),
        (94, "<H", 60_000),
        (96, "<I", 4_000_000_000),
        (131, "<d", float("nan")),
        (131, "<d", 0.0),
    ],
)
def test_a_claim_that_does_not_fit_is_refused(at: int, layout: str, value: float, compress: bool) -> None:
    with pytest.raises(ValueError, match=r"cut off|promises|not one of|specification|cannot be read|finite"):
        parse_las(changed(file(compress=compress), at, layout, value))


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.99])
def test_a_file_that_was_cut_off_is_refused(compress: bool, share: float) -> None:
    content = file(compress=compress)
    with pytest.raises(ValueError, match=r"cut off|cannot be read|not a LAS file"):
        parse_las(content[: int(share * len(content))])


def compressor_at(content: bytes) -> int:
    return content.index(b"laszip encoded") - 2 + 54


def test_the_old_compressor_is_refused_by_name() -> None:
    content = file("1.2", 1, compress=True)
    with pytest.raises(ValueError, match="LASzip before version 2"):
        parse_las(changed(content, compressor_at(content), "<H", 1))


@pytest.mark.parametrize("chunk", [2**32 - 1, 2**32 - 2, 1])
def test_more_points_than_the_chunks_hold_are_refused(chunk: int) -> None:
    content = changed(file(compress=True), POINT_COUNT, "<Q", 4_000_000_000)
    with pytest.raises(ValueError, match=r"promises|cannot be read"):
        parse_las(changed(content, compressor_at(content) + 12, "<I", chunk))


@settings(deadline=None)
@given(st.data())
def test_a_damaged_compressed_file_is_read_or_refused(outcome: Any, data: st.DataObject) -> None:
    content = bytearray(file(compress=True))
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[at] = data.draw(st.integers(0, 255))
    points = outcome(lambda: parse_las(bytes(content)))
    assert points if isinstance(points, str) else points.shape[1] == 3


def geokeys(*rows: tuple[int, int, int, int]) -> bytes:
    return np.array([(1, 1, 0, len(rows)), *rows], dtype="<u2").tobytes()


@pytest.mark.parametrize(
    ("records", "unit"),
    [
        ({"keys": geokeys((1024, 0, 1, 1), (3076, 0, 1, 9003))}, "'US survey foot', not in metres: .* 0.3048006096"),
        ({"keys": geokeys((3076, 0, 1, 9002))}, "'foot', not in metres: multiply them by 0.3048"),
        ({"keys": geokeys((3076, 0, 1, 9001), (4099, 0, 1, 9003))}, "'US survey foot'"),
        ({"keys": geokeys((3076, 0, 1, 9038))}, "'unit with EPSG code 9038'"),
        ({"keys": geokeys((1024, 0, 1, 2))}, "longitude and latitude in degrees"),
        ({"keys": geokeys((1026, 34737, 32, 0)), "ascii": b"NAD83 / California zone 5 (ftUS)|"}, "'foot'"),
        ({"text": UTM.format("", 'UNIT["US survey foot",0.3048006096012192]').encode()}, "'US survey foot'"),
        ({"text": b'COMPD_CS["x",PROJCS["y",UNIT["metre",1]],VERT_CS["z",UNIT["foot",0.3048]]]'}, "'foot'"),
        ({"text": b'PROJCRS["x",CS[Cartesian,2],LENGTHUNIT["foot",0.3048]]'}, "'foot'"),
        ({"text": b'GEOGCS["WGS 84",UNIT["degree",0.0174532925199433]]'}, "longitude and latitude"),
    ],
)  # fmt: skip
def test_another_unit_is_named(records: dict[str, bytes], unit: str) -> None:
    with pytest.raises(ValueError, match=unit):
        parse_las(file(records=records))


@pytest.mark.parametrize(
    "records",
    [
        {"keys": geokeys((1024, 0, 1, 1), (3072, 0, 1, 32632), (3076, 0, 1, 9001), (4099, 0, 1, 9001))},
        {"keys": geokeys((1026, 34737, 21, 0)), "ascii": b"WGS 84 / UTM zone 32N|"},
        {"keys": b"\1"},
        {"text": UTM.format("", 'UNIT["metre",1,AUTHORITY["EPSG","9001"]]').encode() + b"\0"},
        {"text": b'GEODCRS["WGS 84",CS[Cartesian,3],LENGTHUNIT["metre",1]]'},
        {"text": b""},
        {},
    ],
)
def test_metres_are_read(records: dict[str, bytes]) -> None:
    np.testing.assert_allclose(parse_las(file(records=records)), POINTS, atol=0.00051)
