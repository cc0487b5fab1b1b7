"""Reader of the images of data sets: PNG and JPEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from isometry.arrays import AnyArray
from isometry.datasets.errors import DatasetError


def read_image(path: Path) -> AnyArray:
    """An image (H,W) or (H,W,C) of bytes or 16 bit numbers. Raises DatasetError naming a file that cannot be read."""
    if not path.is_file():
        raise DatasetError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    try:
        with Image.open(path) as opened:
            opened.load()  # all of it: the end of a file may be missing
            pixels = np.asarray(opened.convert("RGBA") if opened.mode == "P" else opened)
    except (OSError, SyntaxError, ValueError) as error:
        raise DatasetError(f"{path}: not an image that can be read ({error})") from error
    if pixels.dtype not in (np.uint8, np.uint16):  # as older versions of Pillow read 16 bits
        pixels = pixels.astype(np.uint8 if pixels.dtype == bool else np.uint16)
    return pixels


def read_colour(path: Path) -> NDArray[np.uint8]:
    """A colour image (H,W,3) of red, green, blue; a grey one has three equal channels. Raises DatasetError."""
    image = read_image(path)
    if image.dtype != np.uint8:
        raise DatasetError(f"{path}: not a colour image of 8 bits")
    grey = image.ndim == 2 or image.shape[2] < 3
    colour = np.repeat(image.reshape(*image.shape[:2], -1)[..., :1], 3, axis=2) if grey else image[..., :3]
    return np.ascontiguousarray(colour, np.uint8)
