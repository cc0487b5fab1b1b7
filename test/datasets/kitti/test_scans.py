from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.datasets.kitti.scans import LAYOUTS, open_scans


def laid_out(simulated_kitti: Path, root: Path, layout: str) -> Path:
    """The simulated scans in another layout, their poses in a file beside it, which is returned."""
    shutil.copytree(simulated_kitti / "sequences/00/velodyne", root / layout.format("0007"))
    return Path(shutil.copy(simulated_kitti / "poses/00.txt", root / "pseudo_poses.txt"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_scans_and_poses(simulated_kitti: Path, tmp_path: Path, layout: str) -> None:
    poses = laid_out(simulated_kitti, tmp_path, layout)
    whole, scans = KittiOdometry(simulated_kitti, "00"), open_scans(tmp_path, "0007", poses)
    assert len(scans) == len(whole) == 12
    np.testing.assert_array_equal(scans.frames, whole.frames)
    np.testing.assert_allclose(scans.poses, whole.poses)
    np.testing.assert_array_equal(scans.scan(3), whole.scan(3))


def test_an_odometry_directory_brings_its_own_poses_and_needs_no_times(simulated_kitti: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(simulated_kitti, tmp_path / "kitti"))
    whole = KittiOdometry(root, "00")
    (root / "sequences/00/times.txt").unlink()
    np.testing.assert_array_equal(open_scans(root, "00").poses, whole.poses)
    (root / "sequences/00/calib.txt").unlink()
    np.testing.assert_allclose(open_scans(root, "00").poses, whole.poses)


def test_poses_of_a_camera_become_those_of_the_lidar(simulated_kitti: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(simulated_kitti, tmp_path / "kitti"))
    (root / "sequences/00/calib.txt").write_text("Tr: 0 -1 0 0 0 0 -1 -0.1 1 0 0 -0.3\n")
    ahead = np.tile(np.eye(4), (12, 1, 1))
    ahead[:, 2, 3] = np.arange(12)  # forwards is z for the camera
    np.savetxt(tmp_path / "poses.txt", ahead[:, :3].reshape(-1, 12))
    poses = open_scans(root, "00", tmp_path / "poses.txt").poses
    np.testing.assert_allclose(poses[:, :3, 3], np.outer(np.arange(12), [1.0, 0.0, 0.0]), atol=1e-12)


def test_a_pose_for_each_scan_is_enough_whatever_their_numbers(simulated_kitti: Path, tmp_path: Path) -> None:
    poses = laid_out(simulated_kitti, tmp_path, "velodyne/{}")
    for k in reversed(range(12)):
        (tmp_path / f"velodyne/0007/{k:06d}.bin").rename(tmp_path / f"velodyne/0007/{100 + 5 * k:06d}.bin")
    scans = open_scans(tmp_path, "0007", poses)
    np.testing.assert_array_equal(scans.frames, 100 + 5 * np.arange(12))
    np.testing.assert_allclose(scans.poses, KittiOdometry(simulated_kitti, "00").poses)


def test_a_listing_beside_the_poses_names_their_frames(simulated_kitti: Path, tmp_path: Path) -> None:
    poses = laid_out(simulated_kitti, tmp_path, "velodyne/{}")
    for k in set(range(12)) - {2, 9}:
        (tmp_path / f"velodyne/0007/{k:06d}.bin").unlink()
    whole = KittiOdometry(simulated_kitti, "00").poses
    np.savetxt(poses, whole[[9, 2], :3].reshape(-1, 12))
    (tmp_path / "pseudo_poses_frames.txt").write_text("9\n2\n")
    np.testing.assert_allclose(open_scans(tmp_path, "0007", poses).poses, whole[[2, 9]])


def test_what_is_missing_is_named(simulated_kitti: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere: no such directory"):
        open_scans(tmp_path / "nowhere", "00")
    with pytest.raises(DatasetError, match=r"no scans of sequence 42 \(looked for sequences/42/velodyne, velodyne/42"):
        open_scans(simulated_kitti, "42")
    poses = laid_out(simulated_kitti, tmp_path, "velodyne/{}")
    with pytest.raises(DatasetError, match=r"velodyne/0007: this layout has no poses of its own"):
        open_scans(tmp_path, "0007")
    with pytest.raises(DatasetError, match=r"absent.txt"):
        open_scans(tmp_path, "0007", tmp_path / "absent.txt")
    np.savetxt(poses, np.eye(4)[None, :3].reshape(-1, 12))
    with pytest.raises(DatasetError, match=r"pseudo_poses.txt: no pose for frame 1"):
        open_scans(tmp_path, "0007", poses)
    (tmp_path / "velodyne/0007/000000.bin").write_bytes(b"123")
    np.savetxt(poses, np.tile(np.eye(4)[:3].ravel(), (12, 1)))
    with pytest.raises(DatasetError, match=r"000000.bin: truncated, 3 bytes"):
        open_scans(tmp_path, "0007", poses).scan(0)
