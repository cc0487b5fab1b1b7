"""Reader of RGB-D sequences in the layout of 7-Scenes.

Shotton et al., "Scene coordinate regression forests for camera relocalization in RGB-D images", CVPR 2013.

DIR/seq-NN/frame-XXXXXX.{depth.png, pose.txt}, and DIR/camera-intrinsics.txt for another camera than the published one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open3d
from numpy.typing import NDArray

from isometry.arrays import Array, Integers
from isometry.datasets.errors import DatasetError
from isometry.datasets.rgbd.tables import read_camera_matrix, read_pose

DEPTH = ".depth.png"
NO_DEPTH_MM = 65535


@dataclass(frozen=True)
class PinholeCamera:
    """A camera without distortion, in pixels. Its frame is optical: x right, y down, z forward."""

    fx: float
    fy: float
    cx: float
    cy: float

    def matrix(self) -> Array:
        """Intrinsic matrix (3,3)."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])


PUBLISHED = PinholeCamera(585.0, 585.0, 320.0, 240.0)


class DepthSequence:
    """Depth images of one walk with a handheld camera. Poses are read at once, an image when it is used."""

    frames: NDArray[np.int64]  # (N,) frame numbers, increasing
    poses: Array  # (N,4,4) T_world_camera, metres

    def __init__(self, folder: Path, camera: PinholeCamera) -> None:
        """Raises DatasetError naming the file that is missing or cannot be used."""
        self.camera = camera
        self.name = folder.name
        self._depth_paths = sorted(folder.glob(f"frame-*{DEPTH}"))
        if not self._depth_paths:
            raise DatasetError(f"{folder}: no frame-XXXXXX{DEPTH} in it")
        self.frames = frame_numbers(self._depth_paths)
        poses = [path.with_name(f"{path.name.removesuffix(DEPTH)}.pose.txt") for path in self._depth_paths]
        self.poses = np.array([read_pose(path) for path in poses])

    def __len__(self) -> int:
        return len(self.frames)

    def depth(self, k: int) -> NDArray[np.uint16]:
        """Depth image (H,W) of the k-th frame in millimetres, 0 where nothing was measured."""
        path = self._depth_paths[k]
        with open3d.utility.VerbosityContextManager(open3d.utility.VerbosityLevel.Error):
            image = np.asarray(open3d.io.read_image(path))
        if image.ndim != 2 or image.dtype != np.uint16 or image.size == 0:
            raise DatasetError(f"{path}: not a depth image of 16 bits")
        measured: NDArray[np.uint16] = np.where(image == NO_DEPTH_MM, 0, image).astype(np.uint16)
        return measured


def open_seven_scenes(root: Path) -> list[DepthSequence]:
    """The sequences of a folder, in order. Raises DatasetError naming what is missing."""
    root = Path(root)
    folders = sequence_folders(root)
    intrinsics = root / "camera-intrinsics.txt"
    camera = _read_camera(intrinsics) if intrinsics.exists() else PUBLISHED
    return [DepthSequence(folder, camera) for folder in folders]


def sequence_folders(root: Path) -> list[Path]:
    """The folders of the sequences of a scene, in order. Raises DatasetError where there are none."""
    folders = sorted(path for path in root.glob("seq-*") if path.is_dir())
    if not folders:
        raise DatasetError(f"{root}: {'no seq-NN folder in it' if root.is_dir() else 'no such directory'}")
    return folders


def frame_numbers(paths: Sequence[Path]) -> Integers:
    """The frame number (N,) of each file, by its name. Raises DatasetError for a name without."""
    texts = [path.name.partition(".")[0].removeprefix("frame-") for path in paths]
    for path, text in zip(paths, texts, strict=True):
        if not text.isdecimal():
            raise DatasetError(f"{path}: its name has no frame number")
    return np.array([int(text) for text in texts], np.int64)


def _read_camera(path: Path) -> PinholeCamera:
    matrix = read_camera_matrix(path)
    return PinholeCamera(matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2])
