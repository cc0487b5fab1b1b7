"""A replay of LiDAR odometry in the browser: the clouds along its path, and the true path."""

from __future__ import annotations

from pathlib import Path

import viser

from isometry.datasets.rosbag.reader import StampedPoses
from isometry.evaluation.common.browser import THIS_MACHINE
from isometry.evaluation.replay.odometry.judgement import judge
from isometry.evaluation.replay.recording import LidarOdometryRecording
from isometry.evaluation.replay.scene import BLACK, add_path, serve_clouds
from isometry.evaluation.replay.truth import GROUND_TRUTH


def show(
    bag: Path, port: int, every: int, recording: LidarOdometryRecording, host: str = THIS_MACHINE
) -> viser.ViserServer:
    """Serve each `every`-th cloud where odometry puts it, its path, and the true one in black where the bag has it.

    The server runs until it is stopped. Raises DatasetError when nothing was answered.
    """
    path = StampedPoses(recording.answer_stamps_ns, recording.T_odom_base)
    server = serve_clouds(bag, port, every, path, recording, host)
    judgement = judge(bag, recording, GROUND_TRUTH)
    if judgement is not None:
        add_path(server, "/true_path", judgement.T_odom_true[:, :3, 3], BLACK)
    return server
