"""The place-recognition node over DDS: dense scans at 10 Hz, from the scan's stamp to the published pose."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.measure import Figure
from benchmarks.place_recognition import DENSE
from isometry.datasets.drive_bag import write_drive
from isometry.datasets.kitti import KittiOdometry
from isometry.datasets.odometry import OdometryDrift
from isometry.datasets.simulation.drive import SimulatedDrive, write_simulated_drive
from isometry.evaluation.replay import replay

SCANS = 300


def figures(scans: int = SCANS) -> Iterator[Figure]:
    """Latency of the answers and scans that were dropped, in mapping mode, replayed in real time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_simulated_drive(folder / "drive", replace(SimulatedDrive(), scans=scans, lidar=DENSE))
        write_drive(folder / "bag", KittiOdometry(folder / "drive", "00"), drift=OdometryDrift())
        ground = {"ground_height": -SimulatedDrive().height_m}
        recording = replay(folder / "bag", folder / "node.log", rate=1.0, parameters=ground)
    latency_ms = 1e3 * recording.latency_s
    for share in (50, 99):
        yield Figure(f"node_latency_p{share}", float(np.percentile(latency_ms, share)), "ms at 10 Hz", np.nan)
    dropped = len(recording.scan_stamps_ns) - len(recording.answer_stamps_ns)
    yield Figure(f"node_dropped_of_{scans}", float(dropped), "scans", np.nan)
