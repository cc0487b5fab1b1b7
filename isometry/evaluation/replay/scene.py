"""A bag in the browser: its clouds along a path, and lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import viser
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.reader import StampedPoses, frame_of, read_clouds
from isometry.datasets.rosbag.transforms import read_transforms
from isometry.evaluation.common.browser import serve
from isometry.evaluation.replay.recording import NodeRecording
from isometry.geometry import se3

POINTS_SHOWN = 3000  # of each cloud
LINE_M = 0.4  # as wide as is seen well in a town
BLUE, GREEN, BLACK = (37, 99, 235), (22, 163, 74), (17, 24, 39)


def sensor_pose(bag: Path, recording: NodeRecording | None) -> Array:
    """T_base_sensor (4,4) at the start of the bag, as a node had it; the identity where transforms do not say."""
    given = {} if recording is None else recording.given
    topic = given.get("points")
    if topic is None or given.get("sensor_pose") != "tf":
        return np.eye(4)
    base, frame, transforms = given.get("base_frame", "base_link"), frame_of(bag, topic), read_transforms(bag)
    return transforms.at(base, frame, np.zeros(1, np.int64))[0] if transforms.joined(base, frame) else np.eye(4)


def serve_clouds(
    bag: Path, port: int, every: int, path: StampedPoses, recording: NodeRecording | None, host: str
) -> viser.ViserServer:
    """Serve each `every`-th cloud of a bag at its pose on the path of the base; it runs until it is stopped.

    Raises DatasetError for a path without poses.
    """
    if not len(path.stamps_ns):
        raise DatasetError(f"{bag}: no poses to place the clouds by")
    server = serve(port, host)
    server.scene.set_up_direction("+z")
    positions = path.poses[:, :3, 3]
    add_path(server, "/path", positions, BLUE)
    middle, extent = positions.mean(axis=0), max(np.ptp(positions, axis=0).max(), 20.0)
    server.initial_camera.look_at = tuple(middle)
    server.initial_camera.position = tuple(middle + np.array([0.0, -0.6, 1.0]) * extent)
    T_base_sensor = sensor_pose(bag, recording)
    for stamp_ns, points in read_clouds(bag, every):
        if path.covers(np.array([stamp_ns]))[0]:
            shown = points[:: len(points) // POINTS_SHOWN + 1]
            placed = se3.apply(path.at(np.array([stamp_ns]))[0] @ T_base_sensor, shown)
            server.scene.add_point_cloud(f"/clouds/{stamp_ns}", placed, colours(shown[:, 2]), point_size=0.12)
    return server


def add_path(
    server: viser.ViserServer, name: str, positions: Array, colour: tuple[int, int, int], thickness_m: float = LINE_M
) -> None:
    """A line through positions (N,3)."""
    add_lines(server, name, np.stack([positions[:-1], positions[1:]], axis=1), colour, thickness_m)


def add_lines(
    server: viser.ViserServer, name: str, segments: Array, colour: tuple[int, int, int], thickness_m: float = LINE_M
) -> None:
    """Lines (L,2,3)."""
    if len(segments):
        server.scene.add_line_segments(
            name, segments.astype(np.float32), colour, thickness=thickness_m, thickness_units="world"
        )


def colours(height: Array) -> NDArray[np.uint8]:
    """Colours (N,3) from blue, 2 m below the sensor, to yellow, 6 m above it."""
    up = np.clip((height[:, None] + 2.0) / 8.0, 0.0, 1.0)
    low, high = np.array([40.0, 60.0, 140.0]), np.array([250.0, 200.0, 60.0])
    found: NDArray[np.uint8] = (low + up * (high - low)).astype(np.uint8)
    return found
