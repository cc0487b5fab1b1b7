"""A bag in the browser: its clouds along the path, and the loops of a replay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import viser
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.reader import StampedPoses, read_clouds, read_poses, topic_types
from isometry.evaluation.common.browser import THIS_MACHINE, serve
from isometry.evaluation.replay.recording import PlaceRecognitionRecording
from isometry.geometry import se3

POSE_TOPICS = ("/ground_truth/pose", "/odom", "/tf")
POINTS_SHOWN = 3000  # of each cloud
BLUE, GREEN = (37, 99, 235), (22, 163, 74)


def show(
    bag: Path, port: int, every: int, recording: PlaceRecognitionRecording | None = None, host: str = THIS_MACHINE
) -> viser.ViserServer:
    """Serve each `every`-th cloud, the path, and the accepted loops of a replay; the server runs until it is stopped.

    Raises DatasetError for a bag that has no poses.
    """
    topics = topic_types(bag)
    topic = next((topic for topic in POSE_TOPICS if topic in topics), None)
    if topic is None:
        raise DatasetError(f"{bag}: none of {', '.join(POSE_TOPICS)} in it, to place the clouds by")
    poses = read_poses(bag, topic)
    server = serve(port, host)
    server.scene.set_up_direction("+z")
    path = poses.poses[:, :3, 3]
    _lines(server, "/path", np.stack([path[:-1], path[1:]], axis=1), BLUE)
    if recording is not None:
        _lines(server, "/loops", _loops(recording, poses), GREEN)
    middle = path.mean(axis=0)
    server.initial_camera.look_at = tuple(middle)
    server.initial_camera.position = tuple(middle + np.array([0.0, -0.6, 1.0]) * max(np.ptp(path, axis=0).max(), 20.0))
    for stamp_ns, points in read_clouds(bag, every):
        shown = points[:: len(points) // POINTS_SHOWN + 1]
        placed = se3.apply(poses.at(np.array([stamp_ns]))[0], shown)
        server.scene.add_point_cloud(f"/clouds/{stamp_ns}", placed, _colours(shown[:, 2]), point_size=0.12)
    return server


def _loops(recording: PlaceRecognitionRecording, poses: StampedPoses) -> Array:
    """Lines (L,2,3) from each accepted scan to its keyframe."""
    accepted = recording.accepted
    starts = poses.at(recording.answer_stamps_ns[accepted])
    ends = poses.at(recording.keyframe_stamps_ns[recording.keyframes[accepted]])
    return np.stack([starts[:, :3, 3], ends[:, :3, 3]], axis=1)


def _lines(server: viser.ViserServer, name: str, segments: Array, colour: tuple[int, int, int]) -> None:
    if len(segments):
        server.scene.add_line_segments(
            name, segments.astype(np.float32), colour, thickness=0.4, thickness_units="world"
        )


def _colours(height: Array) -> NDArray[np.uint8]:
    """Colours (N,3) from blue, 2 m below the sensor, to yellow, 6 m above it."""
    up = np.clip((height[:, None] + 2.0) / 8.0, 0.0, 1.0)
    low, high = np.array([40.0, 60.0, 140.0]), np.array([250.0, 200.0, 60.0])
    colours: NDArray[np.uint8] = (low + up * (high - low)).astype(np.uint8)
    return colours
