"""The view of a bag and of a replay in the browser, whichever node it was of."""

from __future__ import annotations

from pathlib import Path

import viser

from isometry.datasets.errors import DatasetError
from isometry.evaluation.common.browser import THIS_MACHINE
from isometry.evaluation.replay.depth_egomotion import view as depth_egomotion
from isometry.evaluation.replay.lidar_odometry import view as lidar_odometry
from isometry.evaluation.replay.place_recognition import view as place_recognition
from isometry.evaluation.replay.recording import (
    DepthEgomotionRecording,
    LidarOdometryRecording,
    NodeRecording,
    ObjectPoseRecording,
    PlaceRecognitionRecording,
    RelocalizationRecording,
    TrackingRecording,
)
from isometry.evaluation.replay.relocalization import view as relocalization
from isometry.evaluation.replay.tracking import view as tracking


def show(
    bag: Path, port: int, every: int, recording: NodeRecording | None, host: str = THIS_MACHINE
) -> viser.ViserServer:
    """Serve each `every`-th cloud of a bag, and what a node said of it; the server runs until it is stopped.

    Raises DatasetError when nothing can be shown.
    """
    if recording is not None and not len(recording.answer_stamps_ns):
        raise DatasetError(f"{bag}: nothing to show: {recording.failure()}")
    if isinstance(recording, ObjectPoseRecording):
        raise DatasetError(f"{bag}: poses of objects are not shown here: see report.html beside the recording")
    if isinstance(recording, TrackingRecording):
        return tracking.show(bag, port, recording, host)
    if isinstance(recording, DepthEgomotionRecording):
        return depth_egomotion.show(bag, port, every, recording, host)
    if isinstance(recording, LidarOdometryRecording):
        return lidar_odometry.show(bag, port, every, recording, host)
    if isinstance(recording, RelocalizationRecording):
        return relocalization.show(bag, port, every, recording, host)
    assert recording is None or isinstance(recording, PlaceRecognitionRecording)
    return place_recognition.show(bag, port, every, recording, host)
