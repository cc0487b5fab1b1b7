from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer

from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.datasets.rosbag.drive import write_drive
from isometry.datasets.rosbag.reader import open_bag, read_clouds, summarise


@pytest.fixture(scope="module")
def drive(simulated_kitti: Path) -> KittiOdometry:
    return KittiOdometry(simulated_kitti, "00")


@pytest.fixture(scope="module")
def bag(drive: KittiOdometry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "drive"
    write_drive(path, drive, slice(2, 8))
    return path


def test_a_summary_counts_what_is_in_a_directory_or_in_its_file(bag: Path) -> None:
    summary = summarise(bag)
    assert summary.topics["/points"] == ("sensor_msgs/msg/PointCloud2", 6)
    assert summary.topics["/tf_static"][1] == 1
    assert summary.duration_s == pytest.approx(0.5)
    assert summarise(bag / "drive.mcap").topics == summary.topics


@pytest.mark.parametrize("kept", [0, 10, 5000, 60000])
def test_a_bag_that_was_cut_off_is_named(bag: Path, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.mcap"
    path.write_bytes((bag / "drive.mcap").read_bytes()[:kept])
    with pytest.raises(DatasetError, match=r"cut\.mcap: not a readable bag"):
        summarise(path)


def test_what_is_no_bag_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("hello")
    for path in (tmp_path, tmp_path / "text.txt", tmp_path / "missing.mcap"):
        with pytest.raises(DatasetError, match=str(path)):
            summarise(path)


def test_sqlite_bags_are_read_too(bag: Path, tmp_path: Path) -> None:
    path = tmp_path / "sqlite"
    with open_bag(bag) as reader, Writer(path, version=8, storage_plugin=StoragePlugin.SQLITE3) as writer:
        copies = {
            connection.id: writer.add_connection(connection.topic, connection.msgtype, typestore=reader.typestore)
            for connection in reader.connections
        }
        for connection, time_ns, raw in reader.messages():
            writer.write(copies[connection.id], time_ns, raw)
    assert summarise(path).topics == summarise(bag).topics


def test_clouds_come_back_as_the_scans_were(drive: KittiOdometry, tmp_path: Path) -> None:
    write_drive(tmp_path / "bag", drive)
    clouds = list(read_clouds(tmp_path / "bag", every=5))
    assert len(clouds) == 3
    assert (clouds[1][0] - clouds[0][0]) * 1e-9 == pytest.approx(0.5)
    np.testing.assert_allclose(clouds[1][1], drive.scan(5)[:, :3])
