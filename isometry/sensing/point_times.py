"""The time of each point of a PointCloud2, as the drivers of LiDARs write it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.sensing.point_cloud2 import Cloud, Points, decode_all_xyz, field_view

TIME_FIELDS = ("t", "time", "timestamp", "time_stamp", "offset_time")
LONGEST_SCAN_S = 1.0
NS_PER_UNIT = (1, 1_000, 1_000_000, 1_000_000_000)
"""Nanoseconds in the units that times since an epoch are given in."""


class PointTimes(NamedTuple):
    """The times of the points of a cloud, and how they are written in its field."""

    view: NDArray[Any]  # (height, width) of the field, in the cloud's data
    unit_ns: int  # nanoseconds in its unit
    since_epoch: bool  # else since the stamp
    offsets_s: Array  # (N,) from the stamp
    known: NDArray[np.bool_]  # (N,) within a scan of the median; drivers write 0 or NaN where they know no time
    away_s: float  # of the median from the stamp: of a LiDAR with another clock it is longer than a scan


def decode_xyz_and_offsets(cloud: Cloud) -> tuple[Points, Array | None, int]:
    """The finite points (N,3) as `decode_xyz`, the seconds (N,) from the stamp to each, and how many were left out.

    Points whose time is not known are left out and counted. Without a field of times the second is None. Raises
    ValueError as `decode_xyz`, and when the times are of another clock than the stamp.
    """
    points = decode_all_xyz(cloud)
    finite = np.isfinite(points).all(axis=1)
    times = point_times(cloud)
    if times is None:
        return (points if finite.all() else points[finite]), None, 0
    if times.away_s >= LONGEST_SCAN_S:
        name = next(field.name for field in cloud.fields if field.name in TIME_FIELDS)
        away = f"{times.away_s:.4g} s from the stamp (most of its points)"
        raise ValueError(f"PointCloud2 field {name!r} is {away}: set deskew to false")
    timed = finite & times.known
    return points[timed], times.offsets_s[timed], int(finite.sum() - timed.sum())


def point_times(cloud: Cloud) -> PointTimes | None:
    """The times in the first field out of `TIME_FIELDS`; None without one.

    Times are since the stamp (whole numbers are nanoseconds: Ouster, Livox; others seconds: Velodyne), or since the
    epoch of the stamp in any of the usual units (Hesai, RoboSense: seconds; Livox: nanoseconds). The first of these
    readings that puts the median within a scan of the stamp is the right one; with a LiDAR of another clock, it is the
    one that puts it nearest. Raises ValueError when the layout does not fit the data.
    """
    name = next((field.name for field in cloud.fields if field.name in TIME_FIELDS), None)
    if name is None:
        return None
    view = field_view(cloud, name)
    values = view.reshape(-1).astype(np.float64)
    finite = values[np.isfinite(values)]
    stamp_ns = cloud.header.stamp.sec * 1_000_000_000 + cloud.header.stamp.nanosec
    readings = [(1_000_000_000 if view.dtype.kind == "f" else 1, 0), *((unit, stamp_ns) for unit in NS_PER_UNIT)]
    median = float(np.median(finite)) if len(finite) else 0.0
    away_s = [abs(median * unit_ns - origin_ns) * 1e-9 for unit_ns, origin_ns in readings]
    chosen = next((k for k, seconds in enumerate(away_s) if seconds < LONGEST_SCAN_S), int(np.argmin(away_s)))
    unit_ns, origin_ns = readings[chosen]
    offsets_s = (values - origin_ns / unit_ns) * (unit_ns * 1e-9)
    with np.errstate(invalid="ignore"):
        known = np.abs(offsets_s - (median - origin_ns / unit_ns) * (unit_ns * 1e-9)) < LONGEST_SCAN_S
    return PointTimes(view, unit_ns, chosen > 0, offsets_s, known, away_s[chosen])


def shift_epoch_times(cloud: Cloud, shift_ns: int) -> None:
    """Move those times of a cloud that are since the epoch, in place, as its stamp is about to be moved.

    The cloud's data must be writable. Times that are not known stay as they are. Raises ValueError as `point_times`.
    """
    times = point_times(cloud)
    if times is not None and times.since_epoch:
        known = times.known.reshape(times.view.shape)
        whole = times.view.dtype.kind != "f"
        shift = round(shift_ns / times.unit_ns) if whole else shift_ns / times.unit_ns
        np.add(times.view, np.asarray(shift, times.view.dtype), out=times.view, where=known)
