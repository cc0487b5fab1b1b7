"""A replay of relocalisation in the browser: the map, and the clouds where they were located in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import viser

from isometry.datasets.point_cloud_file import read_point_cloud
from isometry.datasets.rosbag.reader import StampedPoses
from isometry.evaluation.common.browser import THIS_MACHINE
from isometry.evaluation.replay.recording import RelocalizationRecording
from isometry.evaluation.replay.relocalization.judgement import judge
from isometry.evaluation.replay.scene import BLACK, add_path, serve_clouds
from isometry.evaluation.replay.truth import GROUND_TRUTH

MAP_POINTS_SHOWN, MAP_COLOUR = 300_000, (150, 155, 165)


def show(
    bag: Path, port: int, every: int, recording: RelocalizationRecording, host: str = THIS_MACHINE
) -> viser.ViserServer:
    """Serve the map where it is a cloud, each `every`-th cloud where it was located, and the path of the poses.

    The true path is black, where the bag has it. The server runs until it is stopped. Raises DatasetError when nothing
    was located.
    """
    path = StampedPoses(recording.answer_stamps_ns, recording.T_map_base)
    server = serve_clouds(bag, port, every, path, recording, host)
    file = recording.given.get("map_file", "")
    if file:
        points = read_point_cloud(Path(file).expanduser())
        shown = points[:: len(points) // MAP_POINTS_SHOWN + 1].astype(np.float32)
        server.scene.add_point_cloud("/map", shown, MAP_COLOUR, point_size=0.05)
    judgement = judge(bag, recording, GROUND_TRUTH)
    if judgement is not None:
        add_path(server, "/true_path", judgement.T_map_true[:, :3, 3], BLACK)
    return server
