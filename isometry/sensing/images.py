"""Images in the layout of sensor_msgs/Image as arrays: colours, depth in metres, labels; messages of any driver."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Integers

COLOURS = {"rgb8": (3, (0, 1, 2)), "bgr8": (3, (2, 1, 0)), "rgba8": (4, (0, 1, 2)), "bgra8": (4, (2, 1, 0))}
COLOURS |= {"8UC3": (3, (2, 1, 0)), "mono8": (1, (0, 0, 0)), "8UC1": (1, (0, 0, 0))}
"""Channels of an encoding, and which of them are red, green and blue."""
DEPTHS = {"16UC1": "u2", "mono16": "u2", "32FC1": "f4"}
LABELS = {"mono8": "u1", "8UC1": "u1", "16UC1": "u2", "mono16": "u2", "32SC1": "i4"}
NEAREST_M, FURTHEST_M = 0.02, 100.0  # medians of a depth image that a camera can have measured


class Image(Protocol):
    """sensor_msgs/Image, whichever library read it."""

    header: Any
    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int  # bytes of a row
    data: Any  # a buffer of bytes


def decode_colour(image: Image) -> NDArray[np.uint8]:
    """Red, green and blue (H,W,3); a grey image has three equal channels.

    Raises ValueError, in one line, for another encoding and for data that do not fit to the size.
    """
    channels, order = COLOURS[_known(image, COLOURS, "a colour image")]
    pixels = _pixels(image, "u1", channels)
    return np.ascontiguousarray(pixels[..., list(order)])


def decode_depth(image: Image, unit_m: float = 1e-3) -> Array:
    """Depth (H,W) in metres, 0 where nothing was measured; whole numbers are in `unit_m` metres, others in metres.

    Raises ValueError, in one line, as `decode_colour` does, without any measurement, and for another unit.
    """
    kind = DEPTHS[_known(image, DEPTHS, "a depth image")]
    stored = _pixels(image, kind, 1)[..., 0]
    depth = stored * unit_m if kind == "u2" else stored.astype(np.float64)
    depth = np.where(np.isfinite(depth) & (depth > 0.0), depth, 0.0)
    measured = depth[depth > 0.0]
    if len(measured) == 0:
        raise ValueError("no pixel of the depth image was measured")
    median = float(np.median(measured))
    if not NEAREST_M <= median <= FURTHEST_M:
        unit = f"in {unit_m:g} m" if kind == "u2" else "in metres"
        raise ValueError(
            f"the depth image ({image.encoding}) is read {unit} and has a median of {median:.3g} m: "
            f"is it in another unit{_guess(median)}?"
        )
    return depth


def decode_labels(image: Image) -> Integers:
    """Labels (H,W). Raises ValueError as `decode_colour` does."""
    kind = LABELS[_known(image, LABELS, "a label image")]
    return _pixels(image, kind, 1)[..., 0].astype(np.int64)


def _guess(median: float) -> str:
    return ", such as millimetres" if NEAREST_M <= median * 1e-3 <= FURTHEST_M else ""


def _known(image: Image, encodings: Any, what: str) -> str:
    if image.encoding not in encodings:
        raise ValueError(f"encoding {image.encoding!r} of {what}: it must be one of {', '.join(encodings)}")
    return image.encoding


def _pixels(image: Image, kind: str, channels: int) -> NDArray[Any]:
    """The pixels (H,W,channels) as a view of the data."""
    dtype = np.dtype((">" if image.is_bigendian else "<") + kind)
    height, width, row = int(image.height), int(image.width), int(image.width) * channels * dtype.itemsize
    data = np.frombuffer(image.data, np.uint8)
    if height == 0 or width == 0:
        raise ValueError("an image without pixels")
    if image.step < row or len(data) < height * image.step:
        raise ValueError(
            f"an image of {width}x{height} {image.encoding} needs rows of {row} bytes: it has {len(data)} bytes, "
            f"and rows of {image.step}"
        )
    rows = data[: height * image.step].reshape(height, image.step)[:, :row]
    return np.ascontiguousarray(rows).view(dtype).reshape(height, width, channels)
