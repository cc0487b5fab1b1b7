"""Errors of an object's pose, up to the symmetries that a data set states.

MSSD and MSPD as BOP defines them: Hodan et al., "BOP challenge 2020 on 6D object localization" (ECCV workshops 2020).
ADD-S: Hinterstoisser et al., "Model based training, detection and pose estimation of texture-less 3D objects" (2012).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.datasets.bop.models import ModelInfo
from isometry.geometry import se3
from isometry.object_pose.symmetry_group import SymmetryGroup
from isometry.object_pose.types import PoseMode

AXIS_STEP = 0.01  # radians between the turns about an axis that are compared
MSSD_THRESHOLDS = np.arange(0.05, 0.51, 0.05)  # over the diameter
MSPD_THRESHOLDS = np.arange(5.0, 51.0, 5.0)  # pixels, of an image of 640 columns


def symmetry_transforms(info: ModelInfo, step: float = AXIS_STEP) -> Array:
    """All transforms (S,4,4) of the object's frame that leave an object as it is, the identity first."""
    every = np.concatenate([np.eye(4)[None], info.discrete])
    for symmetry in info.continuous:
        angles = step * np.arange(int(np.ceil(2.0 * np.pi / step)))
        turns = np.tile(np.eye(4), (len(angles), 1, 1))
        turns[:, :3, :3] = Rotation.from_rotvec(np.outer(angles, symmetry.axis)).as_matrix()
        turns[:, :3, 3] = symmetry.offset - turns[:, :3, :3] @ symmetry.offset
        every = np.einsum("dij,cjk->dcik", every, turns).reshape(-1, 4, 4)
    return np.asarray(every)


def pose_error(T_estimated: Array, T_true: Array, symmetries: Array) -> tuple[float, float]:
    """Radians and metres to the nearest in rotation of the true poses, one for each of `symmetries` (S,4,4)."""
    true = T_true @ symmetries
    turned = Rotation.from_matrix(np.swapaxes(true[:, :3, :3], 1, 2) @ T_estimated[:3, :3]).magnitude()
    nearest = int(np.argmin(turned))
    return float(turned[nearest]), float(np.linalg.norm(true[nearest, :3, 3] - T_estimated[:3, 3]))


def error_vector(T_estimated: Array, T_true: Array, symmetries: Array) -> Array:
    """Metres and radians (6,), as of `se3.error`, to the nearest in rotation of the true poses."""
    errors = se3.error(T_estimated, T_true @ symmetries)
    return np.asarray(errors[np.argmin(np.linalg.norm(errors[:, 3:], axis=1))])


def shape_error(T_estimated: Array, T_true: Array, shape: SymmetryGroup) -> tuple[float, float]:
    """Radians and metres to the nearest in rotation of the poses that the shape alone does not tell apart."""
    metres, radians = se3.distance(T_estimated, shape.nearest(T_estimated, T_true))
    return radians, metres


def mode_error(modes: tuple[PoseMode, ...], T_true: Array, symmetries: Array) -> float:
    """Radians from the true rotation to that of the nearest mode; infinite without modes."""
    errors = [np.inf]
    for mode in modes:
        about = SymmetryGroup(np.zeros(3), np.eye(3)[None], mode.axis)
        true = T_true[:3, :3] @ symmetries[:, :3, :3]
        errors.append(min(about.angle(each, mode.T_camera_object[:3, :3]) for each in true))
    return float(min(errors))


def add_s(T_estimated: Array, T_true: Array, points: Array) -> float:
    """Mean distance in metres from points (N,3) of the object at the true pose to the nearest at the estimated one."""
    moved = cKDTree(se3.apply(T_estimated, points))
    return float(moved.query(se3.apply(T_true, points))[0].mean())


def mssd(T_estimated: Array, T_true: Array, symmetries: Array, points: Array) -> float:
    """Largest distance in metres between points (N,3) of the object at both poses, for the best of the symmetries."""
    estimated = se3.apply(T_estimated, points)
    return min(float(np.linalg.norm(se3.apply(T, points) - estimated, axis=1).max()) for T in T_true @ symmetries)


def mspd(T_estimated: Array, T_true: Array, symmetries: Array, points: Array, camera: Array) -> float:
    """Largest distance in pixels between projections of points (N,3) at both poses, for the best of the symmetries."""
    estimated = _projected(se3.apply(T_estimated, points), camera)
    return min(
        float(np.linalg.norm(_projected(se3.apply(T, points), camera) - estimated, axis=1).max())
        for T in T_true @ symmetries
    )


def _projected(points: Array, camera: Array) -> Array:
    image = points @ camera.T
    return np.asarray(image[:, :2] / image[:, 2:])
