"""Drives in the layout of KITTI odometry with images: a synthetic copy of it, and the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isometry.datasets.errors import DatasetError
from isometry.datasets.rgbd.kitti_images import open_kitti_images

P0 = "700 0 3 0 0 701 2 0 0 0 1 0"
POSE = "1 0 0 {} 0 1 0 0 0 0 1 0"


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    folder = tmp_path / "sequences/07"
    (folder / "image_0").mkdir(parents=True)
    for k in range(3):
        Image.fromarray(np.full((4, 6), k, np.uint8)).save(folder / f"image_0/{k:06d}.png")
    (folder / "calib.txt").write_text(f"P0: {P0}\nP1: {P0}\n")
    (folder / "times.txt").write_text("0\n0.1\n0.21\n")
    (tmp_path / "poses").mkdir()
    (tmp_path / "poses/07.txt").write_text("\n".join(POSE.format(k) for k in range(3)))
    return tmp_path


def test_images_have_times_and_poses_of_their_frames(drive: Path) -> None:
    opened = open_kitti_images(drive, "07")
    np.testing.assert_allclose(opened.stamps_s, [0.0, 0.1, 0.21])
    assert opened.colour(2).shape == (4, 6, 3)
    assert (opened.colour(2) == 2).all()
    assert opened.depth(2) is None
    assert not opened.has_depth
    np.testing.assert_array_equal(opened.camera.matrix, [[700.0, 0.0, 3.0], [0.0, 701.0, 2.0], [0.0, 0.0, 1.0]])
    (drive / "sequences/07/image_0/000001.png").unlink()
    opened = open_kitti_images(drive, "07")
    np.testing.assert_allclose(opened.stamps_s, [0.0, 0.21])
    assert opened.T_world_colour is not None
    np.testing.assert_allclose(opened.T_world_colour[:, 0, 3], [0.0, 2.0])


def test_a_drive_may_have_no_poses(drive: Path) -> None:
    (drive / "poses/07.txt").unlink()
    assert open_kitti_images(drive, "07").T_world_colour is None


def test_what_is_wrong_is_named(drive: Path) -> None:
    with pytest.raises(DatasetError, match="name one of its sequences"):
        open_kitti_images(drive)
    with pytest.raises(DatasetError, match=r"08/image_0: no such directory"):
        open_kitti_images(drive, "08")
    (drive / "poses/07.txt").write_text(POSE.format(0))
    with pytest.raises(DatasetError, match=r"07.txt: 1 lines, none for frame 2"):
        open_kitti_images(drive, "07")
    (drive / "poses/07.txt").write_text("\n".join(["2 0 0 0 0 1 0 0 0 0 1 0"] * 3))
    with pytest.raises(DatasetError, match=r"07.txt: line 1 is not a rotation"):
        open_kitti_images(drive, "07")
    (drive / "poses/07.txt").unlink()
    (drive / "sequences/07/times.txt").write_text("0\n0.2\n0.1\n")
    with pytest.raises(DatasetError, match=r"000002.png: its stamp is not after"):
        open_kitti_images(drive, "07")
    (drive / "sequences/07/calib.txt").write_text("Tr: 1 2 3\n")
    with pytest.raises(DatasetError, match=r"calib.txt: no P0 of 12 numbers"):
        open_kitti_images(drive, "07")


def test_the_real_drives(shared_data: Path) -> None:
    opened = open_kitti_images(shared_data / "rgbd/kitti_odometry_06")
    assert len(opened) == opened.has_truth.sum() == 51
    assert opened.camera.matrix[0, 0] == pytest.approx(707.0912)
    assert opened.camera.shape == (370, 1226)
    queue = open_kitti_images(shared_data / "rgbd/kitti_images", "raw78")
    assert len(queue) == queue.has_truth.sum() == 78
