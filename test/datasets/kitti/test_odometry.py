from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.geometry import se3


@pytest.fixture
def kitti(simulated_kitti: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(simulated_kitti, tmp_path / "kitti"))


def write_poses(path: Path, poses: np.ndarray) -> None:
    np.savetxt(path, poses[:, :3].reshape(-1, 12))


def test_reads_scans_poses_and_times(simulated_kitti: Path) -> None:
    drive = KittiOdometry(simulated_kitti, "00")
    assert len(drive) == 12
    assert drive.scan(3).shape[1] == 4
    assert drive.scan(3).dtype == np.float32
    assert drive.poses.shape == (12, 4, 4)
    np.testing.assert_allclose(drive.times_s, np.arange(12) * 0.1)
    np.testing.assert_array_equal(drive.frames, np.arange(12))


def test_camera_poses_become_lidar_poses_in_a_world_with_z_up(kitti: Path) -> None:
    # KITTI's own axes: camera x right, y down, z forward; the drive goes 10 m ahead and 2 m to the left.
    T_camera_lidar = se3.from_rotation_translation(
        np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]]), np.array([0.0, -0.1, -0.3])
    )
    poses = np.tile(np.eye(4), (12, 1, 1))
    poses[5, :3, 3] = [-2.0, 0.0, 10.0]
    poses[6, :3, :3] = Rotation.from_rotvec([0.0, -0.5, 0.0]).as_matrix()  # to the left
    write_poses(kitti / "poses/00.txt", poses)
    row = " ".join(str(value) for value in T_camera_lidar[:3].ravel())
    (kitti / "sequences/00/calib.txt").write_text(f"P0: {row}\nTr: {row}\n")

    drive = KittiOdometry(kitti, "00")

    np.testing.assert_allclose(drive.poses[5, :3, 3], [10.0, 2.0, 0.0], atol=1e-12)
    assert se3.yaw(drive.poses[6]) == pytest.approx(0.5)


def test_scans_of_another_sequence_with_these_poses(kitti: Path) -> None:
    shutil.copytree(kitti / "sequences/00", kitti / "sequences/00_rot")
    np.full((7, 4), 1.0, "<f4").tofile(kitti / "sequences/00_rot/velodyne/000000.bin")
    drive = KittiOdometry(kitti, "00", scans_from="00_rot")
    assert len(drive.scan(0)) == 7
    np.testing.assert_array_equal(drive.poses, KittiOdometry(kitti, "00").poses)


def test_gaps_in_the_numbering_keep_each_frames_own_pose_and_time(kitti: Path) -> None:
    whole = KittiOdometry(kitti, "00")
    (kitti / "sequences/00/velodyne/000004.bin").unlink()
    drive = KittiOdometry(kitti, "00")
    np.testing.assert_array_equal(drive.frames, [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11])
    np.testing.assert_array_equal(drive.poses, whole.poses[drive.frames])
    np.testing.assert_array_equal(drive.times_s, whole.times_s[drive.frames])
    np.testing.assert_array_equal(drive.scan(4), whole.scan(5))


def test_a_sparse_sequence_names_the_frame_of_each_pose(kitti: Path) -> None:
    whole = KittiOdometry(kitti, "00")
    for k in set(range(12)) - {2, 9}:
        (kitti / f"sequences/00/velodyne/{k:06d}.bin").unlink()
    (kitti / "sequences/00/calib.txt").unlink()
    (kitti / "sequences/00/times.txt").unlink()
    write_poses(kitti / "poses/00.txt", whole.poses[[2, 9]])
    (kitti / "poses/00_frames.txt").write_text("2 0\n9 1\n")
    drive = KittiOdometry(kitti, "00")
    np.testing.assert_array_equal(drive.frames, [2, 9])
    np.testing.assert_allclose(drive.poses, whole.poses[[2, 9]])
    np.testing.assert_allclose(drive.times_s, [0.2, 0.9])


def test_fewer_poses_than_frames_are_refused(kitti: Path) -> None:
    write_poses(kitti / "poses/00.txt", KittiOdometry(kitti, "00").poses[:5])
    with pytest.raises(DatasetError, match=r"poses/00.txt: no pose for frame 5"):
        KittiOdometry(kitti, "00")


@pytest.mark.parametrize(
    "missing",
    ["sequences/00", "sequences/00/velodyne", "sequences/00/calib.txt", "sequences/00/times.txt", "poses/00.txt"],
)
def test_a_missing_file_is_named(kitti: Path, missing: str) -> None:
    path = kitti / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(DatasetError, match=missing):
        KittiOdometry(kitti, "00")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("poses/00.txt", "nan " * 11 + "1\n", "line 1"),
        ("poses/00.txt", "1 0 0 0\n", "12"),
        ("poses/00.txt", "2 0 0 0 0 1 0 0 0 0 1 0\n", "line 1 is not a rotation"),
        ("poses/00.txt", "", "empty"),
        ("sequences/00/calib.txt", "P0: 1\n", "no Tr"),
        ("sequences/00/calib.txt", "Tr: 1 0 0 x\n", "12 numbers"),
        ("sequences/00/times.txt", "0.0\n0.1\n", "none for frame 11"),
        ("sequences/00/times.txt", "0.0\n" * 12, "does not increase at frame 1"),
        ("sequences/00/velodyne/scan.bin", "", "not a frame number"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_name(kitti: Path, name: str, content: str, reason: str) -> None:
    (kitti / name).write_text(content)
    with pytest.raises(DatasetError, match=f"{name}.*{reason}"):
        KittiOdometry(kitti, "00")


@pytest.mark.parametrize("size", [0, 15, 1601])
def test_a_truncated_scan_is_refused(kitti: Path, size: int) -> None:
    (kitti / "sequences/00/velodyne/000002.bin").write_bytes(bytes(size))
    drive = KittiOdometry(kitti, "00")
    assert len(drive.scan(1))
    with pytest.raises(DatasetError, match=r"000002.bin: truncated"):
        drive.scan(2)
