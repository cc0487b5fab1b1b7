"""The turn between two scans of one place: ground truth for sequences whose scans were turned on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from isometry.arrays import Array
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.sensing.birds_eye import BirdsEyeGrid, birds_eye_image

ANGLES = 720


def turn_between(upright: NDArray[np.floating], turned: NDArray[np.floating], grid: BirdsEyeGrid) -> float:
    """Radians counter-clockwise by which `turned` (M,3) is `upright` (N,3) turned about the sensor, to half a degree.

    By circular correlation of polar images, independently of the methods that are evaluated with it.
    """
    spectra = [np.fft.rfft(_polar(birds_eye_image(points, grid), grid), axis=0) for points in (upright, turned)]
    correlation = np.fft.irfft((np.conj(spectra[0]) * spectra[1]).sum(axis=1), n=ANGLES)
    return float(correlation.argmax() * 2.0 * np.pi / ANGLES)


def turns_between(
    upright: KittiOdometry, turned: KittiOdometry, progress: Callable[[Iterable[int]], Iterable[int]] = iter
) -> Iterator[float]:
    """`turn_between` of each frame of two sequences with the same frames."""
    grid = BirdsEyeGrid()
    for k in progress(range(len(upright))):
        yield turn_between(upright.scan(k)[:, :3], turned.scan(k)[:, :3], grid)


def _polar(image: NDArray[np.uint8], grid: BirdsEyeGrid) -> Array:
    """The image (S,S) over angle (ANGLES) and radius (S/2 - 2)."""
    angle = np.arange(ANGLES)[:, None] * 2.0 * np.pi / ANGLES
    radius = np.arange(2.0, grid.size / 2)[None]
    centre = (grid.size - 1) / 2
    places = np.stack([centre + radius * np.cos(angle), centre + radius * np.sin(angle)])
    smooth = gaussian_filter(np.sqrt(image.astype(np.float64)), 0.7)
    return np.asarray(map_coordinates(smooth, places, order=1) * np.sqrt(radius))
