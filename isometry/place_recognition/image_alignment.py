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
        self._fields: dict[float, NDArray[np.float32]] = {}

    def field(self, blur: float) -> NDArray[np.float32]:
        """The image blurred by `blur` cells, and its slope along x and y per metre: (3,S,S)."""
        if blur not in self._fields:
            value = gaussian_filter(self._height, blur)
            self._fields[blur] = np.stack([value, *np.gradient(value, self.grid.cell)])
        return self._fields[blur]

    def values(self, blur: float) -> Array:
        """The blurred image at its occupied cells (C,)."""
        return np.asarray(self.field(blur)[0][self._occupied], dtype=np.float64)

    def sample(self, xy: Array, blur: float, parts: int = 1) -> Array:
        """The first `parts` of value and slopes (parts,...) at points (...,2), bilinear; 0 outside."""
        position = (xy + self.grid.half_width) / self.grid.cell - 0.5
        last = self.grid.size - 2
        corner = np.clip(position.astype(np.int32), 0, last)
        fx, fy = np.moveaxis(np.clip(position - corner, 0.0, 1.0), -1, 0)
        flat = corner[..., 0] * self.grid.size + corner[..., 1]
        field = self.field(blur)[:parts].reshape(parts, -1)
        low = field[:, flat] * (1 - fy) + field[:, flat + 1] * fy
        flat += self.grid.size
        high = field[:, flat] * (1 - fy) + field[:, flat + 1] * fy
        inside = np.all((position >= 0) & (position <= last + 1), axis=-1)
        return np.asarray((low * (1 - fx) + high * fx) * inside)


def rough_agreement(poses: Array, query: BlurredImage, keyframe: BlurredImage) -> Array:
    """Cosine (H,) of the coarse images at poses (H,3), over a sample of the query's cells in the keyframe's disc."""
    step = max(1, len(query.cells) // ROUGH_CELLS)
    there = query.cells[::step] @ planar.rotations(poses[:, 2]).transpose(0, 2, 1) + poses[:, None, :2]
    seen = np.square(there).sum(axis=-1) < keyframe.grid.half_width**2
    expected = query.values(COARSE)[::step] * seen
    found = keyframe.sample(there, COARSE)[0] * seen
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
        own, found = image.values(FINE)[seen], other.sample(there[seen], FINE)[0]
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
            value, slope_x, slope_y = keyframe.sample(turned + best[:2], blur, parts=3)
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
