"""The times of points, as the drivers of LiDARs write them; the oracle is numpy's structured array."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from isometry.sensing.point_times import decode_xyz_and_offsets, shift_epoch_times

STAMP_NS = 1_700_000_000_500_000_000
OFFSETS_NS = np.array([0, 20_000_000, 50_000_000, 99_000_000])
HOUR_NS = 3_600_000_000_000
UINT32, FLOAT32, FLOAT64, INT64, UINT64 = 6, 7, 8, 9, 10  # of sensor_msgs/PointField, and of PCL
SINCE_EPOCH = {
    "Hesai, RoboSense": ("timestamp", "<f8", FLOAT64, (STAMP_NS + OFFSETS_NS) * 1e-9),
    "in milliseconds": ("timestamp", "<f8", FLOAT64, (STAMP_NS + OFFSETS_NS) * 1e-6),
    "in microseconds": ("timestamp", "<f8", FLOAT64, (STAMP_NS + OFFSETS_NS) * 1e-3),
    "Livox": ("timestamp", "<f8", FLOAT64, (STAMP_NS + OFFSETS_NS) * 1.0),
    "whole nanoseconds of PCL": ("t", "<u8", UINT64, STAMP_NS + OFFSETS_NS),
    "whole microseconds of PCL": ("time_stamp", "<i8", INT64, (STAMP_NS + OFFSETS_NS) // 1000),
    "whole nanoseconds in two words": ("timestamp", "<u8", UINT32, STAMP_NS + OFFSETS_NS),
    "the other byte order": ("timestamp", ">f8", FLOAT64, (STAMP_NS + OFFSETS_NS) * 1e-9),
}
SINCE_STAMP = {
    "Ouster": ("t", "<u4", UINT32, OFFSETS_NS),
    "Velodyne": ("time", "<f4", FLOAT32, OFFSETS_NS * 1e-9),
    "Livox": ("offset_time", "<u4", UINT32, OFFSETS_NS),
    "before the stamp": ("time", "<f4", FLOAT32, -OFFSETS_NS * 1e-9),
}
Layout = tuple[str, str, int, np.ndarray]


def cloud(layout: Layout, stamp_ns: int = STAMP_NS) -> Any:
    """sensor_msgs/PointCloud2 of points (k, 0, 0) with times."""
    name, kind, datatype, values = layout
    order = kind[0]
    rows = np.zeros(len(values), [("x", order + "f4"), ("y", order + "f4"), ("z", order + "f4"), (name, kind)])
    rows["x"], rows[name] = np.arange(len(values)), values
    fields = [SimpleNamespace(name=axis, offset=4 * k, datatype=FLOAT32, count=1) for k, axis in enumerate("xyz")]
    count = 2 if datatype == UINT32 and kind == "<u8" else 1
    fields.append(SimpleNamespace(name=name, offset=12, datatype=datatype, count=count))
    stamp = SimpleNamespace(sec=stamp_ns // 1_000_000_000, nanosec=stamp_ns % 1_000_000_000)
    return SimpleNamespace(
        header=SimpleNamespace(stamp=stamp), height=1, width=len(rows), fields=fields, is_bigendian=order == ">",
        point_step=rows.itemsize, row_step=rows.nbytes, data=bytearray(rows.tobytes()),
    )  # fmt: skip


@pytest.mark.parametrize("layout", [*SINCE_EPOCH.values(), SINCE_STAMP["Ouster"], SINCE_STAMP["Velodyne"]])
def test_times_are_understood_whichever_driver_wrote_them(layout: Layout) -> None:
    points, offsets_s, left_out = decode_xyz_and_offsets(cloud(layout))
    assert offsets_s is not None
    np.testing.assert_allclose(offsets_s, OFFSETS_NS * 1e-9, atol=2e-6)
    np.testing.assert_array_equal(points[:, 0], np.arange(4))
    assert left_out == 0


@pytest.mark.parametrize("layout", [*SINCE_EPOCH.values(), *SINCE_STAMP.values()])
def test_a_shifted_scan_has_the_times_that_the_driver_would_have_written_then(layout: Layout) -> None:
    before = decode_xyz_and_offsets(cloud(layout))
    shifted = cloud(layout)
    shift_epoch_times(shifted, HOUR_NS)
    moved_ns = STAMP_NS + HOUR_NS
    shifted.header.stamp = SimpleNamespace(sec=moved_ns // 1_000_000_000, nanosec=moved_ns % 1_000_000_000)
    after = decode_xyz_and_offsets(shifted)
    np.testing.assert_array_equal(after[0], before[0])
    assert after[1] is not None
    assert before[1] is not None
    np.testing.assert_allclose(after[1], before[1], atol=2e-6)


@pytest.mark.parametrize("layout", SINCE_STAMP.values())
def test_times_since_the_stamp_move_with_it(layout: Layout) -> None:
    shifted = cloud(layout)
    shift_epoch_times(shifted, HOUR_NS)
    assert shifted.data == cloud(layout).data


@pytest.mark.parametrize("unknown", [0.0, np.nan, np.inf, -1.0])
@pytest.mark.parametrize("layout", [SINCE_EPOCH["Hesai, RoboSense"], SINCE_EPOCH["Livox"]])
def test_points_without_a_time_are_left_out_and_counted(layout: Layout, unknown: float) -> None:
    name, kind, datatype, values = layout
    some = values.copy()
    some[2] = unknown
    scan = cloud((name, kind, datatype, some))
    points, offsets_s, left_out = decode_xyz_and_offsets(scan)
    assert left_out == 1
    np.testing.assert_array_equal(points[:, 0], [0.0, 1.0, 3.0])
    assert offsets_s is not None
    np.testing.assert_allclose(offsets_s, OFFSETS_NS[[0, 1, 3]] * 1e-9, atol=2e-6)
    shift_epoch_times(scan, HOUR_NS)
    moved_ns = STAMP_NS + HOUR_NS
    scan.header.stamp = SimpleNamespace(sec=moved_ns // 1_000_000_000, nanosec=moved_ns % 1_000_000_000)
    assert decode_xyz_and_offsets(scan)[2] == 1


def test_points_that_are_not_finite_have_no_time_either() -> None:
    scan = cloud(SINCE_STAMP["Velodyne"])
    np.frombuffer(scan.data, "<f4").reshape(4, 4)[1, 0] = np.nan
    points, offsets_s, left_out = decode_xyz_and_offsets(scan)
    assert offsets_s is not None
    assert len(points) == len(offsets_s) == 3
    assert left_out == 0  # it was no point


def test_a_cloud_without_times_has_none() -> None:
    _, kind, datatype, values = SINCE_STAMP["Velodyne"]
    scan = cloud(("intensity", kind, datatype, values))
    points, offsets_s, left_out = decode_xyz_and_offsets(scan)
    assert len(points) == 4
    assert offsets_s is None
    assert left_out == 0


@pytest.mark.parametrize("away_ns", [100_000_000_000, -7_000_000_000_000])
def test_times_of_another_clock_are_named(away_ns: int) -> None:
    layout = ("timestamp", "<f8", FLOAT64, (STAMP_NS + away_ns + OFFSETS_NS) * 1e-9)
    with pytest.raises(ValueError, match=rf"'timestamp' is {abs(away_ns) / 1e9:.4g} s from the stamp.*deskew to false"):
        decode_xyz_and_offsets(cloud(layout))


@pytest.mark.parametrize("stamp_ns", [0, 12_300_000_000])
def test_simulated_time_that_begins_at_zero_is_understood(stamp_ns: int) -> None:
    layout = ("timestamp", "<f8", FLOAT64, (stamp_ns + OFFSETS_NS) * 1e-9)
    _, offsets_s, _ = decode_xyz_and_offsets(cloud(layout, stamp_ns))
    assert offsets_s is not None
    np.testing.assert_allclose(offsets_s, OFFSETS_NS * 1e-9, atol=1e-6)
