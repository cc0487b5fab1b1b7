"""Reader of the camera images of KITTI odometry (Geiger et al., CVPR 2012), which have no depth.

    published  ROOT/sequences/NN/{image_0/KKKKKK.png, calib.txt, times.txt}, ROOT/poses/NN.txt where it is known
    flat       DIR/{left/KKKKKK.png, calib.txt, poses.txt}: one drive, ten images a second

Images may be .jpg. Poses are T_world_camera of the left camera of image_0, whose matrix is P0 in calib.txt: the first
line, where the lines have no names.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isometry.arrays import Array, Integers
from isometry.datasets.errors import DatasetError, read_text
from isometry.datasets.kitti.scans import RATE_HZ, read_poses, read_table
from isometry.datasets.rgbd.recording import CameraRecording, camera_of_images
from isometry.datasets.rgbd.tables import finite

CAMERA_HEIGHT_M = 1.65  # over the road, by Geiger et al., "Vision meets robotics: the KITTI dataset", IJRR 2013


def open_kitti_images(root: Path, sequence: str | None = None) -> CameraRecording:
    """A drive. Raises DatasetError naming what is missing or cannot be used."""
    root = Path(root)
    if not root.is_dir():
        raise DatasetError(f"{root}: no such directory")
    if (root / "left").is_dir():
        return _drive(root.resolve().name, root / "left", root / "calib.txt", None, root / "poses.txt")
    if sequence is None:
        raise DatasetError(f"{root}: name one of its sequences")
    folder = root / "sequences" / sequence
    poses = root / "poses" / f"{sequence}.txt"
    name = f"{root.resolve().name}/{sequence}"
    return _drive(name, folder / "image_0", folder / "calib.txt", folder / "times.txt", poses)


def _drive(name: str, folder: Path, calibration: Path, times: Path | None, poses: Path) -> CameraRecording:
    images = sorted([*folder.glob("*.png"), *folder.glob("*.jpg")])
    if not images:
        raise DatasetError(f"{folder}: {'no images in it' if folder.is_dir() else 'no such directory'}")
    for path in images:
        if not path.stem.isdecimal():
            raise DatasetError(f"{path}: its name is not a frame number")
    frames = np.array([int(path.stem) for path in images], np.int64)
    return CameraRecording(
        name=name,
        stamps_s=frames / RATE_HZ if times is None else _of_frames(read_table(times)[:, 0], frames, times),
        colour_paths=tuple(images),
        camera=camera_of_images(_left_matrix(calibration), images[0]),
        camera_height_m=CAMERA_HEIGHT_M,
        T_world_pose=_of_frames(read_poses(poses), frames, poses) if poses.exists() else None,
    )


def _of_frames(lines: Array, frames: Integers, path: Path) -> Array:
    """The lines (N,...) of the frames: a file has one for each image, or for each frame of the drive."""
    if len(lines) == len(frames):
        return lines
    if len(lines) <= frames[-1]:
        raise DatasetError(f"{path}: {len(lines)} lines, none for frame {frames[-1]}")
    return np.asarray(lines[frames])


def _left_matrix(path: Path) -> Array:
    """Intrinsic matrix (3,3) of the left grey camera."""
    lines = [line.replace(":", " ").split() for line in read_text(path).splitlines() if line.strip()]
    found = [words[-12:] for words in lines if len(words) == 12 or (words[0] == "P0" and len(words) == 13)]
    projection = finite(path, found[0]) if found else np.zeros(12)
    if projection[0] <= 0.0 or projection[5] <= 0.0:
        raise DatasetError(f"{path}: no P0 of 12 numbers, the projection of the left camera")
    return projection.reshape(3, 4)[:, :3].copy()
