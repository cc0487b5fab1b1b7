"""Reader of KITTI odometry directories (Geiger et al., "Are we ready for autonomous driving?", CVPR 2012).

ROOT/sequences/NN/{velodyne/KKKKKK.bin, calib.txt, times.txt} and ROOT/poses/NN.txt, as published.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.datasets.errors import DatasetError, read_bytes, read_text
from isometry.geometry import se3

Array = NDArray[np.float64]
RATE_HZ = 10.0  # the spinning rate of KITTI's LiDAR, for sparse sequences without times


class KittiOdometry:
    """One sequence: scans with their times and LiDAR poses. Scans are read when asked for, everything else at once.

    Frame numbers may have gaps when poses and times have a line for every frame of the drive. A sparse sequence, whose
    `poses/NN_frames.txt` names the frame of each line of `poses/NN.txt`, has LiDAR poses and needs no calib.txt.
    """

    frames: NDArray[np.int64]  # (N,) frame numbers, increasing
    times_s: Array  # (N,) seconds since the start of the drive, increasing
    poses: Array  # (N,4,4) T_world_lidar; the world is the first LiDAR frame of the drive (x forward, z up)

    def __init__(self, root: Path, sequence: str, scans_from: str | None = None) -> None:
        """`scans_from` names a sequence whose scans are taken instead, with the poses and times of this one.

        Raises DatasetError naming the file that is missing or that cannot be used.
        """
        self.root, self.sequence, self.scans_from = Path(root), sequence, scans_from
        folder = self.root / "sequences" / sequence
        self._scan_paths = _scan_paths(self.root / "sequences" / (scans_from or sequence) / "velodyne")
        self.frames = np.array([int(path.stem) for path in self._scan_paths])
        poses_path = self.root / "poses" / f"{sequence}.txt"
        listing = poses_path.with_name(f"{sequence}_frames.txt")
        posed = _table(listing)[:, 0].astype(np.int64) if listing.exists() else None
        T_first_camera = _read_poses(poses_path)
        if posed is not None and not (folder / "calib.txt").exists():
            T_camera_lidar = np.eye(4)
        else:
            T_camera_lidar = _read_T_camera_lidar(folder / "calib.txt")
        rows = _rows(self.frames, posed, T_first_camera, poses_path)
        self.poses = se3.inverse(T_camera_lidar) @ T_first_camera[rows] @ T_camera_lidar
        if posed is not None and not (folder / "times.txt").exists():
            self.times_s = self.frames / RATE_HZ
        else:
            self.times_s = _read_times(folder / "times.txt", self.frames)

    def __len__(self) -> int:
        return len(self.frames)

    def scan(self, k: int) -> NDArray[np.float32]:
        """Points (M,4) of the k-th scan (counted from 0, not the frame number): x, y, z in metres, reflectance 0..1.

        Raises DatasetError when the file is empty or was cut off.
        """
        path = self._scan_paths[k]
        content = read_bytes(path)
        if len(content) == 0 or len(content) % 16:
            raise DatasetError(f"{path}: truncated, {len(content)} bytes are not a whole number of 16-byte points")
        return np.frombuffer(content, dtype="<f4").reshape(-1, 4)


def _scan_paths(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("*.bin")) if folder.is_dir() else []
    if not paths:
        raise DatasetError(f"{folder}: {'no .bin scans in it' if folder.is_dir() else 'no such directory'}")
    for path in paths:
        if not path.stem.isdecimal():
            raise DatasetError(f"{path}: its name is not a frame number")
    return paths


def _rows(frames: NDArray[np.int64], posed: NDArray[np.int64] | None, poses: Array, path: Path) -> NDArray[np.int64]:
    """Row (N,) of each frame among the poses."""
    numbers = np.arange(len(poses)) if posed is None else posed
    if len(numbers) != len(poses):
        raise DatasetError(f"{path}: {len(poses)} poses for the {len(numbers)} frames that its _frames.txt names")
    row_of = {int(frame): row for row, frame in enumerate(numbers)}
    for frame in frames:
        if int(frame) not in row_of:
            raise DatasetError(f"{path}: no pose for frame {frame} ({len(poses)} poses, {len(frames)} scans)")
    return np.array([row_of[int(frame)] for frame in frames])


def _read_poses(path: Path) -> Array:
    """Poses (P,4,4) of a file of 12 numbers a line: a 3x4 matrix by rows, metres."""
    values = _table(path)
    if values.shape[1] != 12:
        raise DatasetError(f"{path}: {values.shape[1]} numbers a line where a 3x4 pose has 12")
    poses = np.tile(np.eye(4), (len(values), 1, 1))
    poses[:, :3] = values.reshape(-1, 3, 4)
    rotations = poses[:, :3, :3]
    skew = np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
    if skew.max() > 1e-2 or np.linalg.det(rotations).min() < 0.0:
        raise DatasetError(f"{path}: line {int(skew.argmax()) + 1} is not a rotation and a translation")
    return poses


def _read_T_camera_lidar(path: Path) -> Array:
    for line in read_text(path).splitlines():
        key, _, numbers = line.partition(":")
        if key.strip() in ("Tr", "Tr_velo_to_cam"):
            try:
                values = np.array([float(number) for number in numbers.split()])
            except ValueError:
                values = np.zeros(0)
            if len(values) != 12 or not np.isfinite(values).all():
                raise DatasetError(f"{path}: {key} must be 12 numbers")
            return np.vstack([values.reshape(3, 4), [0.0, 0.0, 0.0, 1.0]])
    raise DatasetError(f"{path}: no Tr, the transform from LiDAR to camera that the poses need")


def _read_times(path: Path, frames: NDArray[np.int64]) -> Array:
    times_s = _table(path)[:, 0]
    if len(times_s) <= frames[-1]:
        raise DatasetError(f"{path}: {len(times_s)} times, none for frame {frames[-1]}")
    chosen = times_s[frames]
    if (np.diff(chosen) <= 0.0).any():
        frame = frames[int(np.argmax(np.diff(chosen) <= 0.0)) + 1]
        raise DatasetError(f"{path}: time does not increase at frame {frame}")
    return chosen


def _table(path: Path) -> Array:
    """Numbers (R,C), one or more rows, of a text file. Raises DatasetError naming the first bad line."""
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
