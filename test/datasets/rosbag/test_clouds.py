from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.datasets.rosbag.drive import write_drive
from isometry.datasets.rosbag.reader import read_clouds


def test_clouds_come_back_as_the_scans_were(simulated_kitti: Path, tmp_path: Path) -> None:
    drive = KittiOdometry(simulated_kitti, "00")
    write_drive(tmp_path / "bag", drive)
    clouds = list(read_clouds(tmp_path / "bag", every=5))
    assert len(clouds) == 3
    assert (clouds[1][0] - clouds[0][0]) * 1e-9 == pytest.approx(0.5)
    np.testing.assert_allclose(clouds[1][1], drive.scan(5)[:, :3])
