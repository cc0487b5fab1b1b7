"""A recording of a moving camera: images on the disk, read when they are used."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import AnyArray, Array, Flags
from isometry.datasets.errors import DatasetError, naming
from isometry.datasets.image_file import read_colour, read_image
from isometry.sensing.cameras import Camera


@dataclass(frozen=True)
class DepthFormat:
    """What the 16 bit numbers of a depth image mean."""

    unit_m: float
    unknown: tuple[int, ...] = (0,)  # numbers that say that nothing was measured

    def metres(self, stored: AnyArray) -> Array:
        """Depth (h,w) in metres along the optical axis, 0 where nothing was measured, of an image (h,w)."""
        return np.where(np.isin(stored, self.unknown), 0.0, stored * self.unit_m)


@dataclass(frozen=True, eq=False)
class CameraRecording:
    """Frames of one walk or drive. Poses are those that are published, of the colour camera or of one beside it."""

    name: str
    stamps_s: Array  # (N,) increasing
    colour_paths: tuple[Path, ...]  # N
    camera: Camera  # of the colour
    depth_paths: tuple[Path, ...] = ()  # N, or none where the camera has no depth
    depth_delays_s: Array | None = None  # (N,) from the stamp of the colour to that of the depth; None: no delay
    depth_format: DepthFormat = field(default_factory=lambda: DepthFormat(1e-3))
    depth_camera: Camera | None = None  # None: the depth is registered to the colour
    T_colour_depth: Array = field(default_factory=lambda: np.eye(4))  # (4,4)
    T_world_pose: Array | None = None  # (N,4,4) as published, NaN at a frame without; None where there are none
    T_pose_colour: Array = field(default_factory=lambda: np.eye(4))  # (4,4)
    camera_height_m: float = 0.0  # of the colour camera over the ground, as it is published; 0: not known

    def __post_init__(self) -> None:
        """Raises DatasetError for stamps that do not increase: the layout's files would be in a wrong order."""
        late = np.flatnonzero(np.diff(self.stamps_s) <= 0.0)
        if len(late):
            raise DatasetError(f"{self.colour_paths[late[0] + 1]}: its stamp is not after that of the image before")

    def __len__(self) -> int:
        return len(self.stamps_s)

    @property
    def has_depth(self) -> bool:
        """Whether each frame has a depth image."""
        return bool(self.depth_paths)

    @property
    def T_world_colour(self) -> Array | None:
        """True poses (N,4,4) of the colour camera, NaN at a frame without; None where there are none."""
        return None if self.T_world_pose is None else np.asarray(self.T_world_pose @ self.T_pose_colour)

    @property
    def has_truth(self) -> Flags:
        """Whether each frame (N,) has a true pose."""
        if self.T_world_pose is None:
            return np.zeros(len(self), bool)
        return np.asarray(np.isfinite(self.T_world_pose).all(axis=(1, 2)))

    def colour(self, k: int) -> NDArray[np.uint8]:
        """Red, green and blue (H,W,3) of the k-th frame; a grey image has three equal channels.

        Raises DatasetError naming an image that cannot be read, or whose size is not the camera's.
        """
        image = read_colour(self.colour_paths[k])
        _check_size(self.colour_paths[k], image, self.camera)
        return image

    def depth(self, k: int) -> Array | None:
        """Depth (h,w) of the k-th frame in metres along the optical axis, 0 where nothing was measured.

        None where the camera has no depth. Raises DatasetError as `colour` does.
        """
        if not self.depth_paths:
            return None
        path = self.depth_paths[k]
        stored = read_image(path)
        if stored.ndim != 2 or stored.dtype != np.uint16:
            raise DatasetError(f"{path}: not a depth image of 16 bits")
        _check_size(path, stored, self.depth_camera or self.camera)
        return self.depth_format.metres(stored)


def camera_of_images(matrix: Array, first: Path, model: str = "", distortion: tuple[float, ...] = ()) -> Camera:
    """A camera with the size of the first of its images. Raises DatasetError naming an image that cannot be read."""
    height, width = read_image(first).shape[:2]
    with naming(first):
        return Camera(matrix, width, height, model, distortion)


def _check_size(path: Path, image: AnyArray, camera: Camera) -> None:
    if image.shape[:2] != camera.shape:
        height, width = image.shape[:2]
        raise DatasetError(f"{path}: {width}x{height} pixels, and the first image {camera.width}x{camera.height}")
