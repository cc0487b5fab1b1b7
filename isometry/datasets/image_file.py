"""Reader of the images of data sets: PNG and JPEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import open3d
from numpy.typing import NDArray

from isometry.arrays import AnyArray
from isometry.datasets.errors import DatasetError


def read_image(path: Path) -> AnyArray:
    """An image (H,W) or (H,W,C) of bytes or 16 bit numbers. Raises DatasetError naming a file that cannot be read."""
    if not path.is_file():
        raise DatasetError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    with open3d.utility.VerbosityContextManager(open3d.utility.VerbosityLevel.Error):
        image: AnyArray = np.asarray(open3d.io.read_image(path))
    if image.ndim not in (2, 3) or image.size == 0:
        raise DatasetError(f"{path}: not an image that can be read")
    return image


def read_colour(path: Path) -> NDArray[np.uint8]:
    """A colour image (H,W,3) of red, green, blue; a grey one has three equal channels. Raises DatasetError."""
    image = read_image(path)
    if image.dtype != np.uint8:
        raise DatasetError(f"{path}: not a colour image of 8 bits")
    grey = image.ndim == 2 or image.shape[2] < 3
    colour = np.repeat(image.reshape(*image.shape[:2], -1)[..., :1], 3, axis=2) if grey else image[..., :3]
    return np.ascontiguousarray(colour, np.uint8)
