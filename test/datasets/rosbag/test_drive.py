from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.datasets.odometry import OdometryDrift, drifting_odometry
from isometry.datasets.rosbag.drive import write_drive
from isometry.datasets.rosbag.reader import open_bag
from isometry.geometry import se3


@pytest.fixture(scope="module")
def drive(simulated_kitti: Path) -> KittiOdometry:
    return KittiOdometry(simulated_kitti, "00")


@pytest.fixture(scope="module")
def bag(drive: KittiOdometry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "drive"
    write_drive(path, drive, slice(2, 8), OdometryDrift(seed=1))
    return path


def messages(path: Path, topic: str) -> list[Any]:
    with open_bag(path) as reader:
        return [
            reader.deserialize(raw, connection.msgtype)
            for connection, _, raw in reader.messages()
            if connection.topic == topic
        ]


def as_matrix(pose: Any) -> np.ndarray:
    vector = getattr(pose, "position", None) or pose.translation
    quaternion = getattr(pose, "orientation", None) or pose.rotation
    xyzw = np.array([quaternion.x, quaternion.y, quaternion.z, quaternion.w])
    return se3.from_quaternion_translation(xyzw, np.array([vector.x, vector.y, vector.z]))


def test_points_are_those_of_the_scans(bag: Path, drive: KittiOdometry) -> None:
    clouds = messages(bag, "/points")
    assert len(clouds) == 6
    assert [field.name for field in clouds[0].fields] == ["x", "y", "z", "intensity"]
    assert clouds[0].header.frame_id == "lidar"
    np.testing.assert_array_equal(clouds[1].data.view("<f4").reshape(-1, 4), drive.scan(3))


def test_odometry_is_on_tf_and_on_odom_alike_and_drifts_as_asked(bag: Path, drive: KittiOdometry) -> None:
    expected = drifting_odometry(drive.poses[2:8], OdometryDrift(seed=1))
    transforms = [message.transforms[0] for message in messages(bag, "/tf")]
    assert {(t.header.frame_id, t.child_frame_id) for t in transforms} == {("odom", "base_link")}
    np.testing.assert_allclose([as_matrix(t.transform) for t in transforms], expected, atol=1e-9)
    np.testing.assert_allclose([as_matrix(m.pose.pose) for m in messages(bag, "/odom")], expected, atol=1e-9)


def test_truth_and_mount_are_there(bag: Path, drive: KittiOdometry) -> None:
    truth = [as_matrix(message.pose) for message in messages(bag, "/ground_truth/pose")]
    np.testing.assert_allclose(truth, drive.poses[2:8], atol=1e-9)
    (static,) = messages(bag, "/tf_static")
    assert (static.transforms[0].header.frame_id, static.transforms[0].child_frame_id) == ("base_link", "lidar")


def test_each_scan_finds_its_transform_before_it(bag: Path) -> None:
    stamps: dict[str, list[int]] = {}
    with open_bag(bag) as reader:
        order = [connection.topic for connection, _, _ in reader.messages()]
        for connection, time_ns, _ in reader.messages():
            stamps.setdefault(connection.topic, []).append(time_ns)
    assert order[0] == "/tf_static"
    assert order.index("/tf") < order.index("/points")
    assert stamps["/tf"] == stamps["/points"]
    assert np.diff(stamps["/points"]) == pytest.approx(0.1e9)


def test_an_existing_bag_is_not_overwritten(bag: Path, drive: KittiOdometry) -> None:
    with pytest.raises(DatasetError, match="exists already"):
        write_drive(bag, drive)


def test_frames_that_are_not_there_are_refused(drive: KittiOdometry, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has 12 scans"):
        write_drive(tmp_path / "bag", drive, slice(50, 60))


def test_a_scan_that_cannot_be_read_leaves_nothing_behind(simulated_kitti: Path, tmp_path: Path) -> None:
    kitti = tmp_path / "kitti"
    shutil.copytree(simulated_kitti, kitti)
    (kitti / "sequences/00/velodyne/000005.bin").write_bytes(bytes(17))
    with pytest.raises(DatasetError, match=r"000005\.bin"):
        write_drive(tmp_path / "bag", KittiOdometry(kitti, "00"))
    assert [path.name for path in tmp_path.iterdir()] == ["kitti"]
