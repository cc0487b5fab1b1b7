"""Cameras in the layout of sensor_msgs/CameraInfo, and images without the distortion of their lenses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Flags, Index

POLYNOMIALS = ("plumb_bob", "rational_polynomial")
FISHEYE = ("equidistant", "fisheye")
COEFFICIENTS = {"plumb_bob": 5, "rational_polynomial": 12, "equidistant": 4, "fisheye": 4}  # at most


class CameraInfo(Protocol):
    """sensor_msgs/CameraInfo, whichever library read it."""

    height: int
    width: int
    distortion_model: str
    d: Any
    k: Any
    p: Any
    binning_x: int
    binning_y: int
    roi: Any


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera and the distortion of its lens."""

    matrix: Array  # (3,3) pixels
    width: int
    height: int
    model: str = ""  # of the distortion, as ROS names it
    distortion: tuple[float, ...] = ()  # coefficients, as OpenCV orders them; none: an ideal lens

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of its images."""
        return self.height, self.width

    def same_as(self, other: Camera) -> bool:
        """Whether both map points to the same pixels."""
        return (
            np.array_equal(self.matrix, other.matrix)
            and (self.width, self.height, self.model) == (other.width, other.height, other.model)
            and self.distortion == other.distortion
        )

    def distorted(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Where points of tangents x and y are seen, as tangents: the model of the lens."""
        if not self.distortion:
            return x, y
        return _fisheye(x, y, self.distortion) if self.model in FISHEYE else _polynomial(x, y, self.distortion)

    def without_distortion(self, image: NDArray[Any]) -> NDArray[Any]:
        """The image (H,W,...) as an ideal lens in front of the same matrix would show it; 0 where nothing is known.

        Each pixel takes the nearest one: values of depth and labels must not be mixed.
        """
        if not self.distortion:
            return image
        rows, columns, known = self._sources
        found: NDArray[Any] = image[rows, columns]
        found[~known] = 0
        return found

    @cached_property
    def positions(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Columns and rows (H,W) at which the camera's image shows what an ideal lens would show at each pixel."""
        (fx, _, cx), (_, fy, cy) = self.matrix[0], self.matrix[1]
        v, u = np.mgrid[: self.height, : self.width].astype(np.float64)
        x, y = self.distorted((u - cx) / fx, (v - cy) / fy)
        return (fx * x + cx).astype(np.float32), (fy * y + cy).astype(np.float32)

    @cached_property
    def _sources(self) -> tuple[Index, Index, Flags]:
        """Rows and columns (H,W) of the pixels to take, and whether they are in the image."""
        with np.errstate(invalid="ignore"):
            columns, rows = (np.round(position.astype(np.float64)) for position in self.positions)
            known = (columns >= 0) & (columns < self.width) & (rows >= 0) & (rows < self.height)
        rows, columns = np.where(known, rows, 0.0), np.where(known, columns, 0.0)
        return rows.astype(np.intp), columns.astype(np.intp), np.asarray(known)


def camera_of(info: CameraInfo, rectified: bool = False) -> Camera:
    """The camera of a message; with `rectified` that of images which are free of distortion already.

    Raises ValueError, in one line, for a camera that is not calibrated and for a distortion that is not known.
    """
    matrix = np.array(info.p if rectified else info.k, np.float64).reshape(3, -1)[:, :3].copy()
    if not np.isfinite(matrix).all() or matrix[0, 0] <= 0.0 or matrix[1, 1] <= 0.0 or matrix[2, 2] != 1.0:
        raise ValueError(f"camera_info has no focal length in {'p' if rectified else 'k'}: calibrate the camera")
    binning = max(info.binning_x, 1), max(info.binning_y, 1)
    offset = info.roi.x_offset, info.roi.y_offset
    size = info.roi.width or info.width, info.roi.height or info.height
    for axis in (0, 1):
        matrix[axis, 2] -= offset[axis]
        matrix[axis] /= binning[axis]
    width, height = int(size[0]) // binning[0], int(size[1]) // binning[1]
    coefficients = tuple(float(value) for value in info.d)
    if rectified or not any(coefficients):
        return Camera(matrix, width, height)
    model = info.distortion_model or "plumb_bob"
    if model not in COEFFICIENTS:
        raise ValueError(f"distortion_model {model!r} of camera_info: it must be one of {', '.join(COEFFICIENTS)}")
    if len(coefficients) > COEFFICIENTS[model] or not np.isfinite(coefficients).all():
        raise ValueError(f"camera_info has {len(coefficients)} coefficients d, or such that are not finite, of {model}")
    return Camera(matrix, width, height, model, coefficients)


def _polynomial(x: Array, y: Array, coefficients: tuple[float, ...]) -> tuple[Array, Array]:
    """Brown, "Decentering distortion of lenses" (1966), with the denominator and thin prism that OpenCV adds."""
    k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4 = (*coefficients, *[0.0] * (12 - len(coefficients)))
    r2 = x**2 + y**2
    radial = (1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1.0 + r2 * (k4 + r2 * (k5 + r2 * k6)))
    across = x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x**2) + s1 * r2 + s2 * r2**2
    down = y * radial + p1 * (r2 + 2.0 * y**2) + 2.0 * p2 * x * y + s3 * r2 + s4 * r2**2
    return across, down


def _fisheye(x: Array, y: Array, coefficients: tuple[float, ...]) -> tuple[Array, Array]:
    """Kannala and Brandt, "A generic camera model for fish-eye lenses" (2006)."""
    k1, k2, k3, k4 = (*coefficients, *[0.0] * (4 - len(coefficients)))
    radius = np.hypot(x, y)
    angle = np.arctan(radius)
    a2 = angle**2
    distorted = angle * (1.0 + a2 * (k1 + a2 * (k2 + a2 * (k3 + a2 * k4))))
    scale = np.where(radius > 1e-9, distorted / np.maximum(radius, 1e-9), 1.0)
    return x * scale, y * scale
