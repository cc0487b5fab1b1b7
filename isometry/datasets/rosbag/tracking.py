"""Writes sequences of KITTI tracking as rosbag2: scans, what a detector found in them, and where the LiDAR was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.tracking import RATE_HZ, KittiTracking
from isometry.datasets.rosbag.writer import START_NS, new_bag


def write_tracking(
    path: Path,
    tracking: KittiTracking,
    detections: str = "",
    T_odom_lidar: Array | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> None:
    """Write all frames of a sequence as a new rosbag2 (mcap) directory: its scans, where they are there.

    `detections` is the name of a detector's detections, of which each frame gets a message, if an empty one. The base
    is where the sensor is; `T_odom_lidar` (F,4,4) by frame number are poses of it, and without them the bag has no
    odometry. `advance` is told (done, total). Raises DatasetError when `path` exists or a file cannot be used.
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
        bag.static_transform(START_NS, "base_link", "lidar", np.eye(4))
        for frame in range(frames):
            stamp_ns = START_NS + round(frame / RATE_HZ * 1e9)
            if T_odom_lidar is not None:
                bag.odometry(stamp_ns, T_odom_lidar[frame])
            if frame in scans:
                bag.points(stamp_ns, tracking.scan(scans[frame]))
            if found is not None:
                here = found.of_frame(frame)
                bag.detections(stamp_ns, here.boxes, here.scores, here.labels)
            if advance is not None:
                advance(frame + 1, frames)
