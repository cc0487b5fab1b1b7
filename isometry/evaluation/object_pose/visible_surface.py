"""VSD, the error of the visible surface: poses that look alike in the depth image have no error, symmetries or not.

As BOP defines it: Hodan, Matas and Obdrzalek, "On evaluation of 6D object pose estimation" (ECCV workshops 2016), as it
is in the challenges since 2019.
"""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array, Flags
from isometry.geometry import se3
from isometry.object_pose.mesh import ObjectMesh
from isometry.object_pose.rendering import Renderer, Window, rays_through, window_of

VISIBLE_M = 0.015  # behind what was measured, up to which a surface counts as visible
TOLERANCES = np.arange(0.05, 0.51, 0.05)  # between surfaces, over the diameter
THRESHOLDS = np.arange(0.05, 0.51, 0.05)  # of the error, below which a pose is right


def vsd(T_estimated: Array, T_true: Array, renderer: Renderer, depth: Array, camera: Array, diameter: float) -> Array:
    """Errors (10,), 0 to 1, one for each of `TOLERANCES`, in an image of depth (H,W) in metres of a camera (3,3).

    It is the share of the pixels in which either pose is visible that are not visible in both at about one distance.
    """
    poses = np.array([T_estimated, T_true])
    window = _window(poses, renderer.mesh, camera, depth.shape)
    if window is None:
        return np.ones(len(TOLERANCES))
    rays = rays_through(camera, window.pixels())
    lengths = np.linalg.norm(rays, axis=1)
    top, left = int(window.top), int(window.left)
    part = np.nan_to_num(depth[top : top + window.rows, left : left + window.columns], nan=0.0, posinf=0.0)
    measured = part.ravel() * lengths
    estimated, true = renderer.depth(poses, rays) * lengths
    truly = _visible(true, measured)
    seen = _visible(estimated, measured) | (truly & (estimated > 0.0))
    both, either = truly & seen, truly | seen
    if not either.any():
        return np.ones(len(TOLERANCES))
    apart = np.abs(estimated - true)[both]
    wrong = np.array([np.count_nonzero(apart >= tolerance * diameter) for tolerance in TOLERANCES])
    return np.asarray((wrong + either.sum() - both.sum()) / either.sum())


def average_recall(errors: Array) -> float:
    """The recall of poses with errors (N,10), averaged over tolerances and thresholds."""
    return float(np.mean(errors[..., None] < THRESHOLDS))


def _visible(distance: Array, measured: Array) -> Flags:
    """Where a surface is not behind what was measured; where nothing was, it counts as visible."""
    return np.asarray((distance > 0.0) & ((measured == 0.0) | (distance <= measured + VISIBLE_M)))


def _window(poses: Array, mesh: ObjectMesh, camera: Array, shape: tuple[int, ...]) -> Window | None:
    """The pixels of an image (H,W) in which the object may be at one of the poses (P,4,4); None without any."""
    points = np.concatenate([se3.apply(T, mesh.vertices) for T in poses])
    if points[:, 2].min() <= 0.0:
        height, width = shape
        return Window(0.0, 0.0, width, height, 1.0)
    return window_of(points, camera, shape)
