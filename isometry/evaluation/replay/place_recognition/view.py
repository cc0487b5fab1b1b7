"""A bag in the browser: its clouds along the path, and the loops of a replay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import viser

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.message_types import ODOMETRY
from isometry.datasets.rosbag.reader import StampedPoses, read_poses, topic_types
from isometry.datasets.rosbag.transforms import read_transforms
from isometry.evaluation.common.browser import THIS_MACHINE
from isometry.evaluation.replay.recording import PlaceRecognitionRecording
from isometry.evaluation.replay.scene import GREEN, add_lines, serve_clouds
from isometry.evaluation.replay.truth import GROUND_TRUTH


def show(
    bag: Path, port: int, every: int, recording: PlaceRecognitionRecording | None = None, host: str = THIS_MACHINE
) -> viser.ViserServer:
    """Serve each `every`-th cloud, the path, and the accepted loops of a replay; the server runs until it is stopped.

    Raises DatasetError for a bag that has no poses.
    """
    path = _path(bag, recording)
    server = serve_clouds(bag, port, every, path, recording, host)
    if recording is not None:
        add_lines(server, "/loops", _loops(recording, path), GREEN)
    return server


def _path(bag: Path, recording: PlaceRecognitionRecording | None) -> StampedPoses:
    """The true poses, else odometry from a topic, else from transforms."""
    types, given = topic_types(bag), {} if recording is None else recording.given
    topics = [GROUND_TRUTH] if GROUND_TRUTH in types else [topic for topic, kind in types.items() if kind == ODOMETRY]
    if topics:
        return read_poses(bag, topics[0])
    frames = given.get("odom_frame", "odom"), given.get("base_frame", "base_link")
    transforms = read_transforms(bag)
    if not transforms.joined(*frames):
        raise DatasetError(
            f"{bag}: no poses to place the clouds by: no {GROUND_TRUTH}, no topic of type {ODOMETRY}, and "
            f"no transforms join {frames[0]} and {frames[1]} ({transforms})"
        )
    return transforms.path(*frames)


def _loops(recording: PlaceRecognitionRecording, poses: StampedPoses) -> Array:
    """Lines (L,2,3) from each accepted scan to its keyframe."""
    accepted = recording.accepted
    starts = poses.at(recording.answer_stamps_ns[accepted])
    ends = poses.at(recording.keyframe_stamps_ns[recording.keyframes[accepted]])
    return np.stack([starts[:, :3, 3], ends[:, :3, 3]], axis=1)
