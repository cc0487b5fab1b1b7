"""LiDAR scans with poses, in each layout in which KITTI publishes scans.

    odometry  ROOT/sequences/NN/velodyne/*.bin, poses in ROOT/poses/NN.txt
    tracking  ROOT/velodyne/NN/*.bin or ROOT/training/velodyne/NN/*.bin
    raw       ROOT/NN/velodyne_points/data/*.bin

Source: Geiger et al., "Are we ready for autonomous driving? The KITTI vision benchmark suite", CVPR 2012.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError, naming, read_bytes, read_text
from isometry.datasets.kitti.calibration import read_T_camera_lidar
from isometry.datasets.point_clouds.bin_layouts import KITTI, published_table
from isometry.geometry import se3

RATE_HZ = 10.0  # the spinning rate of KITTI's LiDAR
LAYOUTS = ("sequences/{}/velodyne", "velodyne/{}", "training/velodyne/{}", "{}/velodyne_points/data")


class ScanSequence:
    """Scans of one drive or walk. Poses are read at once, a scan when it is used."""

    frames: NDArray[np.int64]  # (N,) frame numbers, increasing
    poses: Array  # (N,4,4) T_world_lidar

    def __init__(self, scans: Sequence[Path], poses: Path, calibration: Path | None) -> None:
        """Scans named by their frame numbers, and a file of poses with 12 numbers a line.

        The file has a line for each frame of the drive, of which some may have no scan; or a line for each scan; or a
        line for each frame in a list, which is a file beside it with `_frames` after its name. The poses are those of
        the LiDAR, or with a `calibration`, those of the camera. Raises DatasetError naming the file that is missing or
        that cannot be used.
        """
        self._scan_paths = scans
        self.frames = np.array([int(path.stem) for path in scans])
        listing = _frames_listing(poses)
        T_world_sensor = read_poses(poses)
        rows = _rows(self.frames, read_table(listing)[:, 0] if listing.exists() else None, T_world_sensor, poses)
        T_camera_lidar = np.eye(4) if calibration is None else read_T_camera_lidar(calibration)
        self.poses = se3.inverse(T_camera_lidar) @ T_world_sensor[rows] @ T_camera_lidar

    def __len__(self) -> int:
        return len(self.frames)

    def scan(self, k: int) -> NDArray[np.float32]:
        """Points (M,4) of the k-th scan (counted from 0, not the frame number): x, y, z in metres, reflectance 0..1.

        Raises DatasetError when the file is empty or truncated.
        """
        return read_scan(self._scan_paths[k])


def open_scans(root: Path, sequence: str, poses: Path | None = None) -> ScanSequence:
    """Scans of a sequence in any layout; only the odometry layout has poses of its own.

    The file of poses holds those of the camera, as KITTI publishes them, when ROOT/sequences/NN/calib.txt exists, and
    else those of the LiDAR. Raises DatasetError naming what is missing.
    """
    root = Path(root)
    if not root.is_dir():
        raise DatasetError(f"{root}: no such directory")
    found = next((root / each.format(sequence) for each in LAYOUTS if (root / each.format(sequence)).is_dir()), None)
    if found is None:
        tried = ", ".join(each.format(sequence) for each in LAYOUTS)
        raise DatasetError(f"{root}: no scans of sequence {sequence} (looked for {tried})")
    odometry = root / "poses" / f"{sequence}.txt"
    if poses is None and not (root / "sequences" / sequence).is_dir():
        raise DatasetError(f"{found}: this layout has no poses of its own, name a file of them")
    calibration = root / "sequences" / sequence / "calib.txt"
    return ScanSequence(
        scan_paths(found), odometry if poses is None else Path(poses), calibration if calibration.exists() else None
    )


def read_scan(path: Path) -> NDArray[np.float32]:
    """Points (M,4) of a KITTI scan: x, y, z in metres, reflectance.

    Raises DatasetError for a truncated file, and for one whose values are those of another layout.
    """
    content = read_bytes(path)
    with naming(path):
        return published_table(content, KITTI)


def scan_paths(folder: Path) -> list[Path]:
    """Scan files of a folder in the order of their frame numbers. Raises DatasetError where there are none."""
    paths = sorted(folder.glob("*.bin")) if folder.is_dir() else []
    if not paths:
        raise DatasetError(f"{folder}: {'no .bin scans in it' if folder.is_dir() else 'no such directory'}")
    for path in paths:
        if not path.stem.isdecimal():
            raise DatasetError(f"{path}: its name is not a frame number")
    return paths


def read_poses(path: Path) -> Array:
    """Poses (P,4,4) of a file with 12 numbers a line: the rows of a 3x4 matrix, in metres.

    Raises DatasetError naming the line that is no pose.
    """
    values = read_table(path)
    if values.shape[1] != 12:
        raise DatasetError(f"{path}: {values.shape[1]} numbers a line where a 3x4 pose has 12")
    poses = np.tile(np.eye(4), (len(values), 1, 1))
    poses[:, :3] = values.reshape(-1, 3, 4)
    rotations = poses[:, :3, :3]
    skew = np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
    if skew.max() > 1e-2 or np.linalg.det(rotations).min() < 0.0:
        raise DatasetError(f"{path}: line {int(skew.argmax()) + 1} is not a rotation and a translation")
    return poses


def read_table(path: Path) -> Array:
    """Numbers (R,C) of a text file with at least one row. Raises DatasetError naming the first bad line."""
    rows = [line.split() for line in read_text(path).splitlines() if line.strip()]
    if not rows:
        raise DatasetError(f"{path}: empty")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise DatasetError(f"{path}: line {number} has {len(row)} numbers, the first line {len(rows[0])}")
        try:
            finite = bool(np.isfinite([float(value) for value in row]).all())
        except ValueError:
            finite = False
        if not finite:
            raise DatasetError(f"{path}: line {number} has a value that is not a finite number")
    return np.array(rows, dtype=float)


def _frames_listing(poses: Path) -> Path:
    return poses.with_name(f"{poses.stem}_frames.txt")


def _rows(frames: NDArray[np.int64], listed: Array | None, poses: Array, path: Path) -> NDArray[np.int64]:
    """Row (N,) of each frame among the poses (P,4,4); `listed` (P,) are the frame numbers of the poses, if known."""
    if listed is None and len(poses) == len(frames):
        return np.arange(len(frames))
    numbers = np.arange(len(poses)) if listed is None else listed.astype(np.int64)
    if len(numbers) != len(poses):
        raise DatasetError(f"{path}: {len(poses)} poses for the {len(numbers)} frames in its _frames.txt")
    row_of = {int(frame): row for row, frame in enumerate(numbers)}
    for frame in frames:
        if int(frame) not in row_of:
            raise DatasetError(f"{path}: no pose for frame {frame} ({len(poses)} poses, {len(frames)} scans)")
    return np.array([row_of[int(frame)] for frame in frames])
