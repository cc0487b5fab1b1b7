"""Writer of KITTI tracking sequences as rosbag2: scans, detections and odometry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.scans import RATE_HZ
from isometry.datasets.kitti.tracking import KittiTracking
from isometry.datasets.rosbag.writer import new_bag, stamp_ns_of


def write_tracking(
    path: Path,
    tracking: KittiTracking,
    detections: str = "",
    T_odom_lidar: Array | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> None:
    """Write all frames of a sequence as a new rosbag2 (mcap) directory, with the scans that exist.

    `detections` is the name of a detector; each frame then gets a message of detections, which may be empty. The sensor
    is at the robot's origin. `T_odom_lidar` (F,4,4) are its poses by frame number; without them the bag has no
    odometry. `advance` is called with (done, total). Raises DatasetError when `path` exists or a file cannot be used.
    """
    frames = tracking.frame_count
    if not (tracking.has_scans or detections):
        raise DatasetError(f"{tracking.root}: sequence {tracking.sequence} has no scans, and no detections are named")
    if T_odom_lidar is not None and len(T_odom_lidar) < frames:
        raise DatasetError(f"{tracking.root}: {len(T_odom_lidar)} poses for {frames} frames of {tracking.sequence}")
    found = tracking.detections(detections) if detections else None
    scans = {int(file.stem): k for k, file in enumerate(tracking.scan_files)} if tracking.has_scans else {}
    topics = ["/tf_static"]
    topics += ["/points"] if scans else []
    topics += [] if found is None else ["/detections"]
    topics += [] if T_odom_lidar is None else ["/odom", "/tf"]
    with new_bag(path, topics) as bag:
        bag.sensor_mount(stamp_ns_of(0.0))
        for frame in range(frames):
            stamp_ns = stamp_ns_of(frame / RATE_HZ)
            if T_odom_lidar is not None:
                bag.odometry(stamp_ns, T_odom_lidar[frame])
            if frame in scans:
                bag.points(stamp_ns, tracking.scan(scans[frame]))
            if found is not None:
                of_frame = found.of_frame(frame)
                bag.detections(stamp_ns, of_frame.boxes, of_frame.scores, of_frame.labels)
            if advance is not None:
                advance(frame + 1, frames)
