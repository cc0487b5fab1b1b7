"""Writes recorded drives as rosbag2: what the nodes subscribe to, and the truth to judge them by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.datasets.odometry import OdometryDrift, drifting_odometry
from isometry.datasets.rosbag.writer import START_NS, new_bag

TOPICS = ("/points", "/odom", "/tf", "/tf_static", "/ground_truth/pose")


def write_drive(
    path: Path,
    drive: KittiOdometry,
    frames: slice = slice(None),
    drift: OdometryDrift | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> None:
    """Write scans, odometry and true poses of the chosen scans of a drive as a new rosbag2 (mcap) directory.

    The base is where the sensor is. Whole, or not at all. `advance` is told (done, total) after each scan. Raises
    DatasetError when `path` exists or a scan cannot be read.
    """
    chosen = range(*frames.indices(len(drive)))
    if not chosen:
        raise DatasetError(f"{drive.root}: sequence {drive.sequence} has {len(drive)} scans, none of those asked for")
    T_odom_base = drifting_odometry(drive.poses[frames], drift)
    with new_bag(path, TOPICS) as bag:
        bag.static_transform(START_NS + round(drive.times_s[chosen[0]] * 1e9), "base_link", "lidar", np.eye(4))
        for done, (k, T) in enumerate(zip(chosen, T_odom_base, strict=True), start=1):
            stamp_ns = START_NS + round(drive.times_s[k] * 1e9)
            bag.odometry(stamp_ns, T)
            bag.ground_truth(stamp_ns, drive.poses[k])
            bag.points(stamp_ns, drive.scan(k))
            if advance is not None:
                advance(done, len(chosen))
