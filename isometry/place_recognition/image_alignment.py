"""Agreement of two bird's-eye images at a planar pose, and the pose at which they agree best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from isometry.arrays import Array
from isometry.geometry import planar
from isometry.sensing.birds_eye import BirdsEyeGrid

COARSE, FINE = 2.0, 0.8  # cells by which the images are blurred
ENOUGH_CELLS = 150  # visible in both images; the agreement over fewer cells is reduced in proportion
ROUGH_CELLS = 256  # of the query that are compared coarsely
ITERATIONS = 8  # of the alignment at each scale


class BlurredImage:
    """A bird's-eye image as a field over the plane at two scales, and its occupied cells."""

    def __init__(self, image: NDArray[np.uint8], grid: BirdsEyeGrid) -> None:
        self.grid = grid
        height = np.sqrt(image.astype(np.float32))  # walls count more than kerbs, but not ten times more
        row, column = np.nonzero(image)
        centres = grid.centres()
        self.cells = np.column_stack([centres[row], centres[column]])  # (C,2) metres
        self._height, self._occupied = height, (row, column)
        self._blurred: dict[float, NDArray[np.float32]] = {}
        self._sloped: dict[float, NDArray[np.float32]] = {}

    def blurred(self, blur: float) -> NDArray[np.float32]:
        """The image (S,S) blurred by `blur` cells."""
        if blur not in self._blurred:
            self._blurred[blur] = gaussian_filter(self._height, blur)
        return self._blurred[blur]

    def sloped(self, blur: float) -> NDArray[np.float32]:
        """The blurred image and its slopes along x and y per metre (S,S,3)."""
        if blur not in self._sloped:
            value = self.blurred(blur)
            self._sloped[blur] = np.stack([value, *np.gradient(value, self.grid.cell)], axis=-1)
        return self._sloped[blur]

    def values(self, blur: float) -> NDArray[np.float32]:
        """The blurred image at its occupied cells (C,)."""
        return self.blurred(blur)[self._occupied]

    def sample(self, xy: NDArray[np.floating], field: NDArray[np.float32]) -> NDArray[np.float32]:
        """A field (S,S) or (S,S,3) of this image at points (...,2) in metres, bilinear; 0 outside."""
        position = (np.asarray(xy, np.float32) + np.float32(self.grid.half_width)) / np.float32(self.grid.cell)
        position -= np.float32(0.5)
        last = self.grid.size - 2
        corner = np.clip(position.astype(np.int32), 0, last)
        fraction = np.clip(position - corner, np.float32(0.0), np.float32(1.0))
        inside = ((position >= 0) & (position <= last + 1)).all(axis=-1)
        x, y = fraction[..., 0], fraction[..., 1]
        upper = x * inside
        lower = inside - upper
        flat = corner[..., 0] * self.grid.size + corner[..., 1]
        values = field.reshape(-1, *field.shape[2:])
        weights = (lower * (1 - y), lower * y, upper * (1 - y), upper * y)
        found = np.zeros(flat.shape + field.shape[2:], np.float32)
        for weight, step in zip(weights, (0, 1, self.grid.size, self.grid.size + 1), strict=True):
            found += weight.reshape(flat.shape + (1,) * (field.ndim - 2)) * values[flat + step]
        return found


def rough_agreement(poses: Array, query: BlurredImage, keyframe: BlurredImage) -> Array:
    """Cosine (H,) of the coarse images at poses (H,3), over a sample of the query's cells in the keyframe's disc."""
    step = max(1, len(query.cells) // ROUGH_CELLS)
    there = query.cells[::step] @ planar.rotations(poses[:, 2]).transpose(0, 2, 1) + poses[:, None, :2]
    seen = np.square(there).sum(axis=-1) < keyframe.grid.half_width**2
    expected = query.values(COARSE)[::step] * seen
    found = keyframe.sample(there, keyframe.blurred(COARSE)) * seen
    norms = np.sqrt(np.square(expected).sum(axis=1) * np.square(found).sum(axis=1))
    shared = np.minimum(1.0, step * seen.sum(axis=1) / ENOUGH_CELLS)
    return np.asarray(shared * (expected * found).sum(axis=1) / np.maximum(norms, 1e-9))


def agreement(pose: Array, query: BlurredImage, keyframe: BlurredImage) -> float:
    """Cosine of the fine images at a pose (3,), over the occupied cells of either that are in both discs: 1 at best.

    It is symmetric: an object in the keyframe alone counts as much as one in the query alone.
    """
    turning = planar.rotations(pose[2])
    query_in_keyframe = query.cells @ turning.T + pose[:2]
    keyframe_in_query = (keyframe.cells - pose[:2]) @ turning
    both = np.zeros(3)
    cells = 0
    for image, other, there in ((query, keyframe, query_in_keyframe), (keyframe, query, keyframe_in_query)):
        seen = np.square(there).sum(axis=-1) < (other.grid.half_width - 1.0) ** 2
        own, found = image.values(FINE)[seen], other.sample(there[seen], other.blurred(FINE))
        both += (own @ found, own @ own, found @ found)
        cells += int(seen.sum())
    return float(min(1.0, 0.5 * cells / ENOUGH_CELLS) * both[0] / np.sqrt(max(both[1] * both[2], 1e-12)))


def align(pose: Array, query: BlurredImage, keyframe: BlurredImage) -> tuple[Array, Array]:
    """The pose (3,) after robust Gauss-Newton steps on the difference of the images, coarse then fine.

    Also returns the information matrix (3,3) of x, y and yaw from the fine images, up to a scale: it is small along a
    street between two walls. Source: Lucas and Kanade (1981). Cauchy weights reduce the influence of objects seen in
    one scan only.
    """
    information = np.eye(3)
    best = pose.copy()
    for blur in (COARSE, FINE):
        expected = query.values(blur)
        tolerance = 0.3 * float(np.sqrt(np.mean(np.square(expected))))
        for _ in range(ITERATIONS):
            turned = query.cells @ planar.rotations(best[2]).T
            value, slope_x, slope_y = keyframe.sample(turned + best[:2], keyframe.sloped(blur)).T
            residual = value - expected
            design = np.column_stack([slope_x, slope_y, slope_y * turned[:, 0] - slope_x * turned[:, 1]])
            weighted = design / (1.0 + np.square(residual / tolerance))[:, None]
            information = weighted.T @ design / tolerance**2 + 1e-6 * np.eye(3)
            step = -np.linalg.solve(information, weighted.T @ residual) / tolerance**2
            best += step
            if np.hypot(step[0], step[1]) < 0.005 and abs(step[2]) < 0.0005:
                break
    best[2] = planar.wrapped(best[2])
    return best, information
