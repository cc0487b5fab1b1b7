"""Writer of drives as rosbag2: the topics that nodes subscribe to, and the true poses for their evaluation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.datasets.odometry import OdometryDrift, drifting_odometry
from isometry.datasets.rosbag.writer import new_bag, stamp_ns_of

TOPICS = ("/points", "/odom", "/tf", "/tf_static", "/ground_truth/pose")


def write_drive(
    path: Path,
    drive: KittiOdometry,
    frames: slice = slice(None),
    drift: OdometryDrift | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> None:
    """Write scans, odometry and true poses of some frames of a drive as a new rosbag2 (mcap) directory.

    The sensor is at the robot's origin. A failure leaves no bag behind. `advance` is called with (done, total) after
    each scan. Raises DatasetError when `path` exists or a scan cannot be read.
    """
    chosen = range(*frames.indices(len(drive)))
    if not chosen:
        raise DatasetError(f"{drive.root}: sequence {drive.sequence} has {len(drive)} scans, none of those asked for")
    T_odom_base = drifting_odometry(drive.poses[frames], drift)
    with new_bag(path, TOPICS) as bag:
        bag.sensor_mount(stamp_ns_of(drive.times_s[chosen[0]]))
        for done, (k, T) in enumerate(zip(chosen, T_odom_base, strict=True), start=1):
            stamp_ns = stamp_ns_of(drive.times_s[k])
            bag.odometry(stamp_ns, T)
            bag.ground_truth(stamp_ns, drive.poses[k])
            bag.points(stamp_ns, drive.scan(k))
            if advance is not None:
                advance(done, len(chosen))
