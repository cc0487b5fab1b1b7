"""Alignment of measured points to the surface of a model, for many poses at once: point-to-plane ICP."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.object_pose.model import ObjectModel

DAMPING = 1e-3  # of the normal equations, against directions in which points can slide
LARGEST_TURN = 0.3  # radians of one step: beyond, the linearisation means nothing


def align(
    T_camera_object: Array,
    points: Array,
    model: ObjectModel,
    reaches: list[float],
    visible: bool = False,
    stiffness: float = 0.0,
) -> Array:
    """Poses (H,4,4) moved so that points (P,3), measured on the object, lie on its surface.

    `reaches`: for each step, the distance in metres from the surface from which a point counts little. The partner of
    a point is the nearest of the surface; with `visible`, the one that is seen where the point was, where there is one:
    the nearest can be on the inner side of a thin wall. With `stiffness`, the poses move little in directions in which
    only that share of the points holds them, as along a flat side.
    Source: Chen and Medioni, "Object modelling by registration of multiple range images" (1992).
    """
    poses = T_camera_object.copy()
    for reach in reaches:
        local = np.einsum("hji,hpj->hpi", poses[:, :3, :3], points[None] - poses[:, None, :3, 3])
        apart, normals = _seen_partners(poses, points, local, model) if visible else _nearest_partners(local, model)
        weights = 1.0 / (1.0 + (np.linalg.norm(apart, axis=2) / reach) ** 2) ** 2
        poses = _moved(poses, *_step(local - model.mesh.centre, apart, normals, weights, stiffness), model.mesh.centre)
    return poses


def _nearest_partners(local: Array, model: ObjectModel) -> tuple[Array, Array]:
    """From points (...,3) in the object's frame to the nearest of its surface (...,3), and normals there (...,3)."""
    nearest = model.tree.query(local.reshape(-1, 3))[1].reshape(local.shape[:-1])
    return model.surface.points[nearest] - local, model.surface.normals[nearest]


def _seen_partners(poses: Array, points: Array, local: Array, model: ObjectModel) -> tuple[Array, Array]:
    """The same with the surface that is seen along the ray of each point, and the nearest where the ray passes by."""
    view = model.renderer.view(poses, points / points[:, 2:])
    along = (view.depth / points[:, 2] - 1.0)[..., None] * points
    turned = poses[:, None, :3, :3].swapaxes(-1, -2)
    normals = np.matmul(turned, view.normals[..., None])[..., 0]
    # along a grazing ray the surface is far, but its plane is near: only the distance from the plane counts
    apart = np.sum(np.matmul(turned, along[..., None])[..., 0] * normals, axis=2, keepdims=True) * normals
    beside = ~view.silhouette
    apart[beside], normals[beside] = _nearest_partners(local[beside], model)
    return apart, normals


def _step(arms: Array, apart: Array, normals: Array, weights: Array, stiffness: float) -> tuple[Array, Array]:
    """Rotation vectors (H,3) and translations (H,3) of the points, in the object's frame, that bring them nearer."""
    jacobian = np.concatenate([np.cross(arms, normals), normals], axis=2)
    residuals = np.sum(apart * normals, axis=2)
    matrix = np.einsum("hpi,hp,hpj->hij", jacobian, weights, jacobian)
    right = np.einsum("hpi,hp->hi", jacobian, weights * residuals)
    scale = np.maximum(np.einsum("hii->hi", matrix), 1e-12)
    matrix += DAMPING * np.eye(6) * scale[:, None, :]
    if stiffness > 0.0:
        turned = np.einsum("hp,hpi->h", weights, arms**2) / 3.0
        matrix[:, range(3), range(3)] += stiffness * turned[:, None]
        matrix[:, range(3, 6), range(3, 6)] += stiffness * weights.sum(axis=1)[:, None]
    solved = np.linalg.solve(matrix, right[..., None])[..., 0]
    turns = solved[:, :3]
    angles = np.linalg.norm(turns, axis=1, keepdims=True)
    return turns * np.minimum(1.0, LARGEST_TURN / np.maximum(angles, 1e-12)), solved[:, 3:]


def _moved(poses: Array, turns: Array, shifts: Array, centre: Array) -> Array:
    """Poses whose measured points are turned about the object's centre and shifted in its frame."""
    rotations = Rotation.from_rotvec(turns).as_matrix()
    T_new_old = np.tile(np.eye(4), (len(poses), 1, 1))
    # the points move by the step, so the pose moves by its inverse
    T_new_old[:, :3, :3] = rotations
    T_new_old[:, :3, 3] = centre - rotations @ centre + shifts
    inverse = np.swapaxes(rotations, 1, 2)
    moved = np.tile(np.eye(4), (len(poses), 1, 1))
    moved[:, :3, :3] = poses[:, :3, :3] @ inverse
    moved[:, :3, 3] = poses[:, :3, 3] - np.einsum("hij,hj->hi", moved[:, :3, :3], T_new_old[:, :3, 3])
    return moved
