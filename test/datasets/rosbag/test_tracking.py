from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.tracking import KittiTracking
from isometry.datasets.rosbag.message_types import DETECTIONS
from isometry.datasets.rosbag.reader import open_bag, summarise
from isometry.datasets.rosbag.tracking import write_tracking
from isometry.datasets.rosbag.writer import START_NS
from isometry.geometry import se3

CALIBRATION = """P2: 700 0 600 70 0 700 180 7 0 0 1 0.1
R0_rect: 1 0 0 0 1 0 0 0 1
Tr_velo_to_cam: 0 -1 0 0 0 0 -1 -0.08 1 0 0 -0.27
"""
FOUND = "0,2,500,100,600,200,8.5,1.5,1.6,4.0,2.0,1.7,20.0,0.0,-1.5"
PUBLISHED_HASH = "RIHS01_793f5eab9595ac1c0da07873cc859db42eae51f0ee76056db8562515d830e018"


@pytest.fixture
def tracking(tmp_path: Path) -> KittiTracking:
    """Four frames, of which the second is not scanned and the last has no detection."""
    training = tmp_path / "kitti" / "training"
    detections = "\n".join(f"{frame}{FOUND[1:]}" for frame in range(3))
    label = "3 7 Car 1 2 -1.5 500 100 600 200 1.5 1.6 4.0 2.0 1.7 20.0 0.0\n"
    for name, text in (("calib", CALIBRATION), ("label_02", label), ("detections/some_Car_val", detections)):
        (training / name).mkdir(parents=True)
        (training / name / "0003.txt").write_text(text)
    scans = training / "velodyne" / "0003"
    scans.mkdir(parents=True)
    for frame in (0, 2, 3):
        np.full((5, 4), frame, "<f4").tofile(scans / f"{frame:06d}.bin")
    return KittiTracking(training.parent, "3")


def written(path: Path, topic: str) -> list[tuple[int, Any]]:
    """Stamps in tenths of a second and messages of a topic."""
    with open_bag(path) as reader:
        return [
            ((time_ns - START_NS) // 100_000_000, reader.deserialize(raw, connection.msgtype))
            for connection, time_ns, raw in reader.messages()
            if connection.topic == topic
        ]


def test_each_frame_has_its_detections_and_the_scan_that_is_there(tracking: KittiTracking, tmp_path: Path) -> None:
    bag, progress = tmp_path / "bag", []
    write_tracking(bag, tracking, "some", advance=lambda done, total: progress.append((done, total)))
    assert progress[-1] == (4, 4)
    assert summarise(bag).topics.keys() == {"/tf_static", "/points", "/detections"}
    assert [tenth for tenth, _ in written(bag, "/points")] == [0, 2, 3]
    found = written(bag, "/detections")
    assert [(tenth, len(message.detections)) for tenth, message in found] == [(0, 1), (1, 1), (2, 1), (3, 0)]
    (detection,) = found[1][1].detections
    position, turn, size = detection.bbox.center.position, detection.bbox.center.orientation, detection.bbox.size
    yaw = 2.0 * np.arctan2(turn.z, turn.w)
    expected = tracking.detections("some").boxes[1]
    np.testing.assert_allclose([position.x, position.y, position.z, size.x, size.y, size.z, yaw], expected, atol=1e-12)
    (result,) = detection.results
    assert (result.hypothesis.class_id, result.hypothesis.score) == ("Car", 8.5)
    assert found[1][1].header.frame_id == "lidar"


def test_the_bag_says_what_its_detections_are_made_of(tracking: KittiTracking, tmp_path: Path) -> None:
    write_tracking(tmp_path / "bag", tracking, "some")
    with open_bag(tmp_path / "bag") as reader:
        assert reader.typestore.hash_rihs01(DETECTIONS) == PUBLISHED_HASH


def test_poses_become_odometry(tracking: KittiTracking, tmp_path: Path) -> None:
    poses = np.stack([se3.from_planar(float(frame), 0.0, 0.1 * frame) for frame in range(4)])
    write_tracking(tmp_path / "bag", tracking, T_odom_lidar=poses)
    assert "/detections" not in summarise(tmp_path / "bag").topics
    transforms = written(tmp_path / "bag", "/tf")
    assert [tenth for tenth, _ in transforms] == [0, 1, 2, 3]
    np.testing.assert_allclose([m.transforms[0].transform.translation.x for _, m in transforms], [0.0, 1.0, 2.0, 3.0])
    assert len(written(tmp_path / "bag", "/odom")) == 4
    with pytest.raises(DatasetError, match="3 poses for 4 frames"):
        write_tracking(tmp_path / "other", tracking, T_odom_lidar=poses[:3])
    assert not (tmp_path / "other").exists()
