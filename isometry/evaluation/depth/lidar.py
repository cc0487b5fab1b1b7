"""Depth by a LiDAR beside a camera, in the layout of KITTI odometry: sparse, and the truth of images without depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.calibration import read_T_camera_lidar
from isometry.datasets.kitti.scans import read_scan, scan_paths
from isometry.datasets.rgbd.recording import CameraRecording
from isometry.geometry import se3

NEAREST_M = 1.0


class LidarDepth:
    """The scans of a drive as depth images of its camera."""

    def __init__(self, scans: Path, calibration: Path) -> None:
        """A folder of scans KKKKKK.bin, and the file with `Tr`. Raises DatasetError naming what is missing."""
        self.folder = scans
        self._paths = {int(path.stem): path for path in scan_paths(scans)}
        self.T_camera_lidar = read_T_camera_lidar(calibration)

    def __call__(self, recording: CameraRecording, k: int) -> NDArray[np.float32]:
        """Depth (H,W) in metres of the k-th frame, 0 where no point is; of several in a pixel the nearest."""
        frame = int(recording.colour_paths[k].stem)
        if frame not in self._paths:
            raise DatasetError(f"{self.folder}: no scan of frame {frame}")
        points = se3.apply(self.T_camera_lidar, read_scan(self._paths[frame])[:, :3].astype(np.float64))
        points = points[points[:, 2] > NEAREST_M]
        pixels = np.round((points @ recording.camera.matrix.T)[:, :2] / points[:, 2:]).astype(np.intp)
        height, width = recording.camera.shape
        inside = np.all((pixels >= 0) & (pixels < [width, height]), axis=1)
        depth = np.full((height, width), np.inf, np.float32)
        np.minimum.at(depth, (pixels[inside, 1], pixels[inside, 0]), points[inside, 2].astype(np.float32))
        return np.where(np.isfinite(depth), depth, np.float32(0.0))
