"""The motion between two images of one camera: its rotation, and the direction of its translation."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from isometry.arrays import Array, Flags
from isometry.depth_egomotion.pinhole import rays_of
from isometry.geometry import se3

PIXELS = 0.7  # by which a corner may miss its epipolar line
SCATTER = 0.3  # pixels, of corners that agree, where the robust weight begins to fall
FEWEST = 30  # corners that agree on a motion
STILL_PIXELS = 0.5  # median motion in the image, beyond what a rotation explains, below which the camera has not moved
IN_COMMON = 8.0  # corners that err in common


class TwoView(NamedTuple):
    """The motion from a first image to a second one."""

    rotation: Array  # (3,3) R_first_second
    direction: Array  # (3,) unit vector of the translation along the first camera's axes; zeros where it stands
    covariance: Array  # (5,5) of the rotation in radians (3), and of the direction (2) across itself
    agree: Flags  # (N,) corners
    parallax: float  # pixels, median motion in the image that the rotation does not explain


def two_view(first: Array, second: Array, matrix: Array) -> TwoView | None:
    """The motion by corners (N,2) in the first image and (N,2) in the second; None where too few agree.

    Five points in RANSAC (Nister, PAMI 2004), then all that agree by their distance from the epipolar line (Sampson's
    approximation; Hartley and Zisserman, "Multiple View Geometry", 11.4.3).
    """
    if len(first) < FEWEST:
        return None
    here, there = rays_of(first, matrix), rays_of(second, matrix)
    turned = _turned(here, there, matrix)
    if turned.parallax < STILL_PIXELS:
        return turned if turned.agree.sum() >= FEWEST else None
    essential, mask = cv2.findEssentialMat(first, second, matrix, cv2.RANSAC, 0.999, PIXELS)
    if essential is None or essential.shape != (3, 3) or mask.sum() < FEWEST:
        return None
    _, R, t, _ = cv2.recoverPose(essential, first, second, matrix, mask=mask.copy())
    rotation, translation = np.asarray(R, np.float64), np.asarray(t, np.float64)[:, 0]
    return _refined(here, there, rotation, translation, matrix, np.asarray(mask)[:, 0] > 0)


def _turned(here: Array, there: Array, matrix: Array) -> TwoView:
    """The rotation alone that explains most of the corners."""
    unit = [rays / np.linalg.norm(rays, axis=1, keepdims=True) for rays in (here, there)]
    weight = np.ones(len(here))
    for _ in range(5):
        R = se3.nearest_rotation((unit[0] * weight[:, None]).T @ unit[1])  # R_first_second
        expected = unit[0] @ R
        miss = np.linalg.norm(expected - unit[1], axis=1) * matrix[0, 0]
        weight = 1.0 / (1.0 + (miss / STILL_PIXELS) ** 2)
    agree = miss < 4.0 * STILL_PIXELS
    sigma = STILL_PIXELS / matrix[0, 0] * np.sqrt(IN_COMMON / max(int(agree.sum()), 1))
    covariance = np.diag([sigma**2] * 3 + [1.0] * 2)
    return TwoView(R, np.zeros(3), covariance, agree, float(np.median(miss)))


def _refined(here: Array, there: Array, R: Array, t: Array, matrix: Array, agree: Flags) -> TwoView:
    """The motion, x_second = R x_first + t, that fits all corners that agree."""
    across = np.linalg.svd(t[None])[2][1:]
    focal = matrix[0, 0]

    def moved(change: Array) -> tuple[Array, Array]:
        direction = t + change[3:] @ across
        return Rotation.from_rotvec(change[:3]).as_matrix() @ R, direction / np.linalg.norm(direction)

    def distances(change: Array) -> Array:
        rotation, (x, y, z) = moved(change)
        essential = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]) @ rotation
        lines, back = here[agree] @ essential.T, there[agree] @ essential
        length = np.sqrt(lines[:, 0] ** 2 + lines[:, 1] ** 2 + back[:, 0] ** 2 + back[:, 1] ** 2)
        return np.asarray(focal * np.einsum("ni,ni->n", there[agree], lines) / length)

    solution = least_squares(distances, np.zeros(5), loss="cauchy", f_scale=SCATTER)
    rotation, direction = moved(solution.x)
    scatter = max(1.48 * float(np.median(np.abs(distances(solution.x)))), 0.05)
    information = solution.jac.T @ solution.jac / (scatter**2 * IN_COMMON)
    covariance = np.linalg.inv(information + 1e-6 * np.eye(5))
    expected = here @ rotation.T
    seen = expected[:, 2] > 0.0
    flow = (expected[seen, :2] / expected[seen, 2:] - there[seen, :2] / there[seen, 2:]) * focal
    parallax = float(np.median(np.linalg.norm(flow, axis=1)))
    return TwoView(rotation.T, -rotation.T @ direction, covariance, agree, parallax)


def depths(first: Array, second: Array, matrix: Array, T_first_second: Array) -> Array:
    """Depth (N,) in the first image of corners seen in both; NaN where they are not in front of both.

    The middle of the shortest line between the two rays.
    """
    a = rays_of(first, matrix)
    b = rays_of(second, matrix) @ T_first_second[:3, :3].T
    t = T_first_second[:3, 3]
    aa, bb, ab = (a * a).sum(axis=1), (b * b).sum(axis=1), (a * b).sum(axis=1)
    at, bt = a @ t, b @ t
    determinant = aa * bb - ab**2
    with np.errstate(divide="ignore", invalid="ignore"):
        along_a = (bb * at - ab * bt) / determinant
        along_b = (ab * at - aa * bt) / determinant
    good = (determinant > 1e-8 * aa * bb) & (along_a > 0.0) & (along_b > 0.0)
    return np.where(good, along_a, np.nan)
