"""Calibration files of KITTI, and the geometry of its LiDAR and its cameras.

Source: Geiger et al., "Are we ready for autonomous driving? The KITTI vision benchmark suite", CVPR 2012.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError, read_text
from isometry.geometry import planar, se3
from isometry.geometry.boxes import moved

IMAGE_SIZE = np.array([1242.0, 375.0])  # of most drives; other images are some pixels smaller

# The axes of a KITTI camera (x right, y down, z ahead) from axes with x ahead, y left, z up.
R_CAMERA_AHEAD = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])


@dataclass(frozen=True)
class KittiCalibration:
    """Pose of the LiDAR in the rectified camera frame, and the projection into image 2."""

    projection: Array  # (3,4) pixels of image 2 from the rectified camera frame, x right, y down, z ahead
    T_camera_lidar: Array  # (4,4) into the rectified camera frame

    @property
    def T_ahead_lidar(self) -> Array:
        """(4,4) Into the frame at the camera with x ahead, y left, z up, in which labels are upright."""
        return se3.from_rotation_translation(R_CAMERA_AHEAD.T, np.zeros(3)) @ self.T_camera_lidar

    def ahead(self, boxes: Array) -> Array:
        """Boxes (N,7) of the LiDAR frame in the frame at the camera with z up, in which KITTI compares boxes."""
        return moved(self.T_ahead_lidar, boxes, se3.yaw(self.T_ahead_lidar))

    def lidar(self, boxes: Array) -> Array:
        """Boxes (N,7) of the frame at the camera with z up in the LiDAR frame; the exact inverse of `ahead`."""
        return moved(se3.inverse(self.T_ahead_lidar), boxes, -se3.yaw(self.T_ahead_lidar))

    def project(self, boxes: Array, image_size: Array = IMAGE_SIZE) -> Array:
        """Image boxes (N,4) of boxes (N,7) of the LiDAR frame: left, top, right, bottom in image 2, cut at its border.

        NaN for boxes with a corner behind the camera's plane.
        """
        ahead = self.ahead(boxes)
        signs = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
        corners = signs * ahead[:, None, 3:6]
        corners[..., :2] = corners[..., :2] @ np.swapaxes(planar.rotations(ahead[:, 6]), -1, -2)
        in_camera = (corners + ahead[:, None, :3]) @ R_CAMERA_AHEAD.T
        pixels = in_camera @ self.projection[:, :3].T + self.projection[:, 3]
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = np.where((pixels[..., 2:] > 0.1).all(axis=1, keepdims=True), pixels, np.nan)
            pixels = np.clip(pixels[..., :2] / pixels[..., 2:], 0.0, image_size - 1.0)
        return np.hstack([pixels.min(axis=1), pixels.max(axis=1)])


def read_calibration(path: Path) -> KittiCalibration:
    """Calibration of a tracking sequence, in either spelling of KITTI (R_rect or R0_rect, Tr_velo_...).

    Raises DatasetError naming what is missing or cannot be used.
    """
    entries = _entries(path)
    rectification = _matrix(entries, path, 3, "R0_rect", "R_rect")
    T_rectified_camera = se3.from_rotation_translation(rectification, np.zeros(3))
    T_camera_lidar = _transform(_matrix(entries, path, 4, "Tr_velo_to_cam", "Tr_velo_cam"))
    return KittiCalibration(_matrix(entries, path, 4, "P2"), T_rectified_camera @ T_camera_lidar)


def read_T_camera_lidar(path: Path) -> Array:
    """T_camera_lidar (4,4) of an odometry sequence. Raises DatasetError when the file has none."""
    return _transform(_matrix(_entries(path), path, 4, "Tr", "Tr_velo_to_cam"))


def _entries(path: Path) -> dict[str, list[str]]:
    """Words of each line, by the first one: `name: numbers`, of which some files leave out the colon."""
    lines = [line.replace(":", " ", 1).split() for line in read_text(path).splitlines()]
    return {words[0]: words[1:] for words in lines if words}


def _matrix(entries: dict[str, list[str]], path: Path, columns: int, *names: str) -> Array:
    """The matrix (3,columns) under the first of the names that is there."""
    name = next((each for each in names if each in entries), None)
    if name is None:
        raise DatasetError(f"{path}: no {' or '.join(names)}")
    try:
        values = np.array([float(word) for word in entries[name]])
    except ValueError:
        values = np.zeros(0)
    if len(values) != 3 * columns or not np.isfinite(values).all():
        raise DatasetError(f"{path}: {name} must be {3 * columns} numbers")
    return values.reshape(3, columns)


def _transform(matrix: Array) -> Array:
    """Transform (4,4) of its first three rows (3,4)."""
    return np.vstack([matrix, [0.0, 0.0, 0.0, 1.0]])
