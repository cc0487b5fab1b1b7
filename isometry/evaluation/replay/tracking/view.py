"""The tracks of a replay in the browser: the scan of each message with its tracks, chosen by a slider."""

from __future__ import annotations

import colorsys
from pathlib import Path

import numpy as np
import viser
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.rosbag.message_types import POINT_CLOUD
from isometry.datasets.rosbag.reader import read_clouds, topic_types
from isometry.evaluation.common.browser import THIS_MACHINE, serve
from isometry.evaluation.replay.recording import TrackingRecording
from isometry.evaluation.replay.scene import sensor_pose
from isometry.evaluation.replay.tracking.robot import robot_poses
from isometry.geometry import se3
from isometry.geometry.boxes import footprints

POINTS_SHOWN = 20_000  # of each cloud
POINT_COLOUR = (120, 130, 145)
GOLDEN = 0.5 * (5.0**0.5 - 1.0)  # hues so many turns apart differ most, however many there are
NOTHING = np.zeros((0, 3))
TAIL = 20  # messages that the drawn path of a track reaches back
EDGES = np.array([[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7]])


def show(bag: Path, port: int, recording: TrackingRecording, host: str = THIS_MACHINE) -> viser.ViserServer:
    """Serve the tracks of each answer, and its scan where the bag has one; the server runs until it is stopped.

    Scans are placed by the odometry that the node had, and left out where that is not known. The sensor is where
    transforms in the bag put it, or at the base.
    """
    places = robot_poses(bag, recording) @ sensor_pose(bag, recording)
    placed = np.asarray(np.isfinite(places).all(axis=(1, 2)))
    clouds = dict(read_clouds(bag)) if POINT_CLOUD in topic_types(bag).values() else {}
    server = serve(port, host)
    server.scene.set_up_direction("+z")
    slider = server.gui.add_slider("message", 0, max(len(recording.answer_stamps_ns) - 1, 1), 1, 0)

    def draw() -> None:
        """Draw the chosen answer, in place of the one before."""
        k = min(int(slider.value), len(recording.answer_stamps_ns) - 1)
        if k < 0:
            return
        cloud = clouds.get(int(recording.answer_stamps_ns[k]), NOTHING) if placed[k] else NOTHING
        shown = se3.apply(places[k], cloud[:: len(cloud) // POINTS_SHOWN + 1])
        with server.atomic():
            server.scene.add_point_cloud("/scan", shown.astype(np.float32), POINT_COLOUR, point_size=0.06)
            for name, (segments, colours) in {"/boxes": boxes(recording, k), "/tails": tails(recording, k)}.items():
                server.scene.add_line_segments(
                    name, segments.astype(np.float32), colours, thickness=0.12, thickness_units="world"
                )

    @slider.on_update
    def _(_: viser.GuiEvent[viser.GuiSliderHandle[int]]) -> None:
        draw()

    draw()
    middle = places[placed][0, :3, 3] if placed.any() else np.zeros(3)
    server.initial_camera.look_at = tuple(middle)
    server.initial_camera.position = tuple(middle + np.array([-40.0, 0.0, 40.0]))
    return server


def boxes(recording: TrackingRecording, answer: int) -> tuple[Array, NDArray[np.uint8]]:
    """Edges (12 N,2,3) of the boxes of one answer, and the colours (12 N,2,3) of their tracks."""
    own = recording.answers == answer
    corners = np.repeat(footprints(recording.boxes[own])[:, None], 2, axis=1)  # (N,2,4,2) bottom and top
    middle, half = recording.boxes[own, 2], recording.boxes[own, 5] / 2.0
    heights = np.broadcast_to(
        np.stack([middle - half, middle + half], axis=1)[:, :, None, None], (*corners.shape[:3], 1)
    )
    edges = np.concatenate([corners, heights], axis=3).reshape(-1, 8, 3)[:, EDGES].reshape(-1, 2, 3)
    return edges, _colours(np.repeat(recording.ids[own], len(EDGES)))


def tails(recording: TrackingRecording, answer: int) -> tuple[Array, NDArray[np.uint8]]:
    """Recent positions of the tracks of one answer: segments (S,2,3), and the colours (S,2,3) of their tracks."""
    alive = recording.ids[recording.answers == answer]
    recent = (recording.answers <= answer) & (recording.answers > answer - TAIL) & np.isin(recording.ids, alive)
    order = np.flatnonzero(recent)
    order = order[np.lexsort((recording.answers[order], recording.ids[order]))]
    same = np.flatnonzero(recording.ids[order[1:]] == recording.ids[order[:-1]])
    centres = recording.boxes[order, :3]
    return np.stack([centres[same], centres[same + 1]], axis=1), _colours(recording.ids[order[same]])


def _colours(ids: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Colours (N,2,3) of the ends of lines that belong to tracks (N,)."""
    hues = [colorsys.hsv_to_rgb(number * GOLDEN % 1.0, 0.95, 0.7) for number in ids.tolist()]
    colours = (255.0 * np.array(hues).reshape(-1, 1, 3)).astype(np.uint8)
    return np.repeat(colours, 2, axis=1)
