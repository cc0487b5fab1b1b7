"""Refinement of poses by depth and contour together: the contour holds what noisy or biased depth leaves free.

measured points -> to the surface that is seen along their rays, along its normal
contour of the model -> to the border of the mask, in the plane of the image; without enough of it, depth alone
-> one step of Gauss and Newton for both, each by what it is worth

A point of the contour whose ray should move sideways is a point-to-plane constraint, as that of a measured point is,
by a plane through the camera. Where something nearer cuts the mask, the border is not that of the object. Where a mask
was found in a box, its border is trusted where the depth steps back behind it, and not where it meets the table.
Source: Drummond and Cipolla, "Real-time visual tracking of complex structures" (2002), for contours; here both in one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from isometry.arrays import Array, Flags, Index
from isometry.geometry import se3
from isometry.object_pose.crop import Crop
from isometry.object_pose.model import ObjectModel

ITERATIONS = 8
SMALL_STEP = np.repeat([1e-4, 1e-3], 3)  # metres and radians, after which no further one is done
SMOOTH = 0.7  # pixels of the crop, of the distance from the border of the mask
NEAR_BORDER = 2  # pixels of the crop, between the border and what decides whether it is that of the object
# Independent readings that all points are worth together, and as much all of the contour: errors nearby are alike
WORTH = 60.0
CONTOUR_SIGMA = 1.0  # pixels of the crop by which a mask's border is off
ROBUST_DEPTH, ROBUST_CONTOUR = 4.5, 4.0  # standard deviations from which a reading counts little
PRIOR_M = 0.02  # of the pose before a step, and the same of the surface by a turn: where nothing holds it, it stays
FEWEST_POINTS, FEWEST_CONTOUR = 20, 10


@dataclass(frozen=True, eq=False)
class Border:
    """The border of a mask in a crop, as a field of distances."""

    outside: Array  # (R,C) pixels of the crop from the border; below 0 inside
    direction: Array  # (R,C,2) unit, right and down, away from the mask
    nearest: Index  # (2,R,C) row and column of the pixel on the other side of the border that is nearest
    unknown: Flags  # (R,C) outside of the image
    exact: bool  # as of the observation


def border_of(crop: Crop, exact: bool) -> Border:
    """The border of the mask of a crop; `exact` is that of its observation."""
    inside = crop.inside.reshape(crop.window.rows, crop.window.columns)
    (within, out), (beside, back) = (
        ndimage.distance_transform_edt(each, return_indices=True) for each in (inside, ~inside)
    )
    distance = np.where(inside, 0.5 - within, beside - 0.5)
    outside = ndimage.gaussian_filter(distance, SMOOTH)
    down, right = np.gradient(outside)
    direction = np.stack([right, down], axis=-1)
    length = np.maximum(np.linalg.norm(direction, axis=-1, keepdims=True), 1e-6)
    return Border(outside, direction / length, np.where(inside, out, back), ~crop.known.reshape(inside.shape), exact)


def refined(
    T_camera_object: Array, points: Array, crop: Crop, border: Border, model: ObjectModel, tolerance: float
) -> Array:
    """Poses (H,4,4) moved so that points (P,3) lie on the surface and the contour on the border of the mask.

    `tolerance`: metres by which the camera's depth can be off, three standard deviations.
    """
    return np.array([_refined(T, points, crop, border, model, tolerance) for T in T_camera_object]).reshape(-1, 4, 4)


def _refined(T: Array, points: Array, crop: Crop, border: Border, model: ObjectModel, tolerance: float) -> Array:
    turn = PRIOR_M / (0.5 * model.mesh.diameter)
    prior = np.diag([1.0 / PRIOR_M**2] * 3 + [1.0 / turn**2] * 3)
    for _ in range(ITERATIONS):
        centre = se3.apply(T, model.mesh.centre)
        of_depth = depth_equations(T, points, centre, model, tolerance)
        if of_depth is None:
            return T
        matrix, right = of_depth
        of_contour = contour_equations(T, crop, border, centre, model, tolerance)
        if of_contour is not None:
            matrix, right = matrix + of_contour[0], right + of_contour[1]
        step = np.linalg.solve(matrix + prior, right)
        rotation = Rotation.from_rotvec(step[3:]).as_matrix()
        T = se3.from_rotation_translation(rotation, centre - rotation @ centre + step[:3]) @ T
        if np.all(np.abs(step) < SMALL_STEP):
            break
    return T


def depth_equations(
    T: Array, points: Array, centre: Array, model: ObjectModel, tolerance: float
) -> tuple[Array, Array] | None:
    """Normal equations (6,6) and (6,) of a shift and then a turn about a centre (3,), along the camera's axes.

    None where few rays meet the object. The matrix is the information that the points give.
    """
    rays = points / points[:, 2:]
    view = model.renderer.view(T, rays)
    met = view.silhouette
    if met.sum() < FEWEST_POINTS:
        return None
    surface, normals = (rays * view.depth[:, None])[met], view.normals[met]
    off = np.sum((points[met] - surface) * normals, axis=1)
    return _normal_equations(surface - centre, normals, off, tolerance / 3.0, ROBUST_DEPTH)


def contour_equations(
    T: Array, crop: Crop, border: Border, centre: Array, model: ObjectModel, tolerance: float
) -> tuple[Array, Array] | None:
    """The same of the model's contour; None where little of it is seen."""
    shape = border.outside.shape
    modelled = model.renderer.depth(T, crop.rays).reshape(shape)
    seen, measured = modelled > 0.0, crop.depth.reshape(shape)
    if not seen.any():
        return None
    if border.exact:
        # the depth of the object beside its silhouette
        near = ndimage.grey_dilation(modelled, size=2 * NEAR_BORDER + 1)
        near = np.where(near > 0.0, near, np.median(modelled[seen]))
        other = ((measured > 0.0) & (measured < near - tolerance)) | border.unknown
    else:
        nearest = ndimage.distance_transform_edt(~seen, return_distances=False, return_indices=True)
        other = ~(measured > modelled[tuple(nearest)] + tolerance)
    free = ~ndimage.binary_dilation((border.outside > 0.0) & other, iterations=NEAR_BORDER)[tuple(border.nearest)]
    on = seen & ~ndimage.binary_erosion(seen) & free
    if on.sum() < FEWEST_CONTOUR:
        return None
    rays, direction = crop.rays.reshape(*shape, 3)[on], border.direction[on]
    metres = crop.metres_per_pixel * modelled[on]  # of a pixel, at the surface
    normals = np.column_stack([direction, -np.sum(direction * rays[:, :2], axis=1)])
    # the outermost pixel of a silhouette is half a pixel inside
    off = -(border.outside[on] + 0.5) * metres
    sigma = CONTOUR_SIGMA * float(np.median(metres))
    return _normal_equations(rays * modelled[on][:, None] - centre, normals, off, sigma, ROBUST_CONTOUR)


def _normal_equations(arms: Array, normals: Array, off: Array, sigma: float, robust: float) -> tuple[Array, Array]:
    """Of points at `arms` (N,3) from the centre that should move by `off` (N,) metres along normals (N,3)."""
    weights = 1.0 / (1.0 + (off / (robust * sigma)) ** 2) ** 2
    weights *= min(1.0, WORTH / float(weights.sum())) / sigma**2
    jacobian = np.hstack([normals, np.cross(arms, normals)])
    weighted = jacobian * weights[:, None]
    return jacobian.T @ weighted, weighted.T @ off
