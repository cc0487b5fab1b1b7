"""Place recognition and tracking as nodes over DDS: dense scans at 10 Hz, from a scan's publication to its answer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.measure import Figure
from benchmarks.place_recognition import DENSE
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.datasets.odometry import OdometryDrift
from isometry.datasets.rosbag.drive import write_drive
from isometry.evaluation.replay.recording import PlaceRecognitionRecording, TrackingRecording
from isometry.evaluation.replay.replay import replay
from isometry.simulation.drive import SimulatedDrive, write_simulated_drive

SCANS = 300


def figures(scans: int = SCANS) -> Iterator[Figure]:
    """Latency of the answers and scans that were dropped, replayed in real time; the first node is mapping."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_simulated_drive(folder / "drive", replace(SimulatedDrive(), scans=scans, lidar=DENSE))
        write_drive(folder / "bag", KittiOdometry(folder / "drive", "00"), drift=OdometryDrift())
        ground = {"recognition.ground_height": -SimulatedDrive().height_m}
        bag, log = folder / "bag", folder / "node.log"
        recordings = {
            "": replay(PlaceRecognitionRecording, bag, log, parameters=ground),
            "tracking_": replay(TrackingRecording, bag, log),
        }
    for name, recording in recordings.items():
        latency_ms = 1e3 * recording.latency_s
        for share in (50, 99):
            figure = float(np.percentile(latency_ms, share))
            yield Figure(f"{name}node_latency_p{share}", figure, "ms at 10 Hz", np.nan)
        dropped = len(recording.scan_stamps_ns) - len(recording.answer_stamps_ns)
        yield Figure(f"{name}node_dropped_of_{scans}", float(dropped), "scans", np.nan)
