"""A drive twice around a square, and what a node could have said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.datasets.odometry import OdometryDrift
from isometry.datasets.rosbag.drive import write_drive
from isometry.datasets.rosbag.writer import START_NS
from isometry.evaluation.replay.recording import PlaceRecognitionRecording
from isometry.geometry import se3

SIDE_M, LAPS = 20, 2


@pytest.fixture(scope="session")
def square_drive(tmp_path_factory: pytest.TempPathFactory) -> KittiOdometry:
    """One scan of three points a metre and a second, counter-clockwise."""
    root = tmp_path_factory.mktemp("square")
    corners = [(0, 0, 0.0), (SIDE_M, 0, 0.5 * np.pi), (SIDE_M, SIDE_M, np.pi), (0, SIDE_M, 1.5 * np.pi)]
    poses = [
        se3.from_planar(x + step * np.cos(yaw), y + step * np.sin(yaw), yaw)
        for _ in range(LAPS)
        for x, y, yaw in corners
        for step in range(SIDE_M)
    ]
    scans = root / "sequences/00/velodyne"
    scans.mkdir(parents=True)
    for k in range(len(poses)):
        np.eye(3, 4, dtype="<f4").tofile(scans / f"{k:06d}.bin")
    np.savetxt(scans.parent / "times.txt", np.arange(len(poses)))
    (scans.parent / "calib.txt").write_text("Tr: 1 0 0 0 0 1 0 0 0 0 1 0\n")
    (root / "poses").mkdir()
    np.savetxt(root / "poses/00.txt", np.array(poses)[:, :3].reshape(-1, 12))
    return KittiOdometry(root, "00")


@pytest.fixture(scope="session")
def square_bag(square_drive: KittiOdometry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    bag = tmp_path_factory.mktemp("bags") / "square"
    write_drive(bag, square_drive, drift=OdometryDrift(translation=0.02, rotation_deg_per_100_m=10.0))
    return bag


@pytest.fixture
def perfect(square_drive: KittiOdometry) -> PlaceRecognitionRecording:
    """Every scan becomes a keyframe; each of the second lap is matched with the same place of the first, and the last
    four of the first lap with its start.
    """
    count = len(square_drive)
    lap = count // LAPS
    stamps = START_NS + np.round(square_drive.times_s * 1e9).astype(np.int64)
    matched = np.maximum(np.arange(count) - lap, -1)
    matched[lap - 4 : lap] = 0
    accepted = matched >= 0
    T = np.full((count, 4, 4), np.nan)
    T[accepted] = se3.inverse(square_drive.poses[matched[accepted]]) @ square_drive.poses[accepted]
    return PlaceRecognitionRecording(
        scan_stamps_ns=stamps,
        answer_stamps_ns=stamps,
        latency_s=np.linspace(0.01, 0.02, count),
        accepted=accepted,
        reasons=np.where(accepted, "ok", "empty_memory"),
        keyframes=matched,
        confidences=np.where(accepted, 0.99, 0.0),
        first_candidates=matched,
        T_keyframe_query=T,
        keyframe_stamps_ns=stamps,
        T_map_keyframe=square_drive.poses.copy(),
        lateness_s=np.zeros(count),
        diagnostics={"provider": "CPUExecutionProvider", "processed": str(count), "refused": "0"},
        given={"odometry": "topic", "odom": "/odom", "points": "/points", "sensor_pose": "identity"},
        report_scans=np.array([1, 2]),
        report_states=np.array(["ok", "ok"]),
        problems={},
    )
