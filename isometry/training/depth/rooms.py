"""Images with measured depth as training data: small, of an ideal lens, depth registered to colour; kept in a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError, reading_arrays
from isometry.datasets.rgbd.recording import CameraRecording
from isometry.depth_egomotion.frame import rectified
from isometry.evaluation.common.camera_frames import camera_frame

SHORT_SIDE = 240  # pixels, to which larger images are reduced


@dataclass(frozen=True, eq=False)
class Room:
    """The frames of one room by one camera."""

    name: str
    images: NDArray[np.uint8]  # (N,H,W,3)
    depth: NDArray[np.float32]  # (N,H,W) metres, 0 where nothing was measured
    matrix: Array  # (3,3) pixels, of an ideal lens
    poses: Array  # (N,4,4) T_world_camera, NaN where it is not known

    def __len__(self) -> int:
        return len(self.images)


def room_of(
    recording: CameraRecording, frames: Sequence[int], progress: Callable[[int, int], None] = lambda done, total: None
) -> Room:
    """The frames of a recording with these numbers, from 0. Raises ValueError for one without depth."""
    scale = min(1.0, SHORT_SIDE / min(recording.camera.shape))
    images, depths = [], []
    for done, k in enumerate(frames, start=1):
        frame = rectified(camera_frame(recording, k))
        if frame.depth is None:
            raise ValueError(f"{recording.name}: no depth images, so it is no room to train on")
        images.append(reduced(frame.colour, scale))
        depths.append(reduced_depth(frame.depth, scale))
        progress(done, len(frames))
    poses = recording.T_world_colour
    return Room(
        recording.name,
        np.stack(images),
        np.stack(depths),
        scaled(recording.camera.matrix, scale),
        np.full((len(frames), 4, 4), np.nan) if poses is None else poses[list(frames)],
    )


def scaled(matrix: Array, scale: float) -> Array:
    """The matrix (3,3) of a camera whose images are reduced; pixels have their centres at whole numbers."""
    reduced = matrix * scale
    reduced[:2, 2] += 0.5 * (scale - 1.0)
    reduced[2, 2] = 1.0
    return np.asarray(reduced)


def reduced(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """An image (H,W,3) at another scale, at most 1."""
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def reduced_depth(depth: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Depth (H,W) at another scale; values are not mixed."""
    return np.asarray(cv2.resize(depth, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST_EXACT), np.float32)


def save_rooms(rooms: Sequence[Room], origin: str, path: Path) -> None:
    """Write rooms, and what they were made of, to an .npz file, whole or not at all."""
    temporary = path.with_suffix(".tmp.npz")
    arrays = {
        f"{k}_{name}": getattr(room, name)
        for k, room in enumerate(rooms)
        for name in ("name", "images", "depth", "matrix", "poses")
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(temporary, origin=origin, **arrays)
    os.replace(temporary, path)


def load_rooms(path: Path, origin: str) -> list[Room]:
    """What `save_rooms` wrote. Raises DatasetError naming a file that is not that, or was made of something else."""
    with reading_arrays(path, "prepared rooms") as content:
        found = str(content["origin"])
    if found != origin:
        raise DatasetError(f"{path}: its rooms were made of {found}, and not of {origin}; name another file")
    with reading_arrays(path, "prepared rooms") as content:
        count = sum(name.endswith("_images") for name in content)
        return [
            Room(
                str(content[f"{k}_name"]), *(content[f"{k}_{name}"] for name in ("images", "depth", "matrix", "poses"))
            )
            for k in range(count)
        ]
