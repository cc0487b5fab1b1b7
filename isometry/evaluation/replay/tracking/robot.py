"""Where the robot was among its tracks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.reader import read_poses
from isometry.datasets.rosbag.transforms import read_transforms
from isometry.evaluation.replay.recording import TrackingRecording


def robot_poses(bag: Path, recording: TrackingRecording) -> Array:
    """T_frame_base (A,4,4) at each answer, by the odometry that the node had; NaN where that is not known.

    The node itself publishes it when it estimates the odometry; else it comes from the transforms or the topic in the
    bag that were the node's input.
    """
    given, stamps_ns = recording.given, recording.answer_stamps_ns
    if given.get("odometry") == "topic":
        return read_poses(bag, given["odom"]).at(stamps_ns)
    if given.get("odometry") == "tf":
        try:
            frames = given.get("odom_frame", "odom"), given.get("base_frame", "base_link")
            return read_transforms(bag).at(*frames, stamps_ns)
        except DatasetError:
            return np.full((len(stamps_ns), 4, 4), np.nan)
    return recording.T_frame_base
