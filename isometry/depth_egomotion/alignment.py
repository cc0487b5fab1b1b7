"""The pose of a camera by what two kinds of measurements say together: corners in the image, and surfaces in the depth.

Unknown is T_reference_camera; a small motion (6,) of the camera, metres then radians along its own axes, is multiplied
from the right. Both kinds are weighted by how far they scatter at the solution, so that no sensor's noise is assumed.

Colour and depth are not taken at the same moment: 5 ms at 0.4 m/s are 2 mm, which is more than either of them errs. So
the camera's motion between the two is unknown as well, with what the stamps and the speed say of it as a prior.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isometry.arrays import Array, Flags
from isometry.depth_egomotion.pinhole import NEAREST_M
from isometry.depth_egomotion.surfaces import Surfaces
from isometry.geometry import se3

ITERATIONS = 12
CONVERGED = 1e-4  # metres and radians
LEAST_PIXEL, LEAST_DISTANCE = 0.35, 0.0007  # pixels; metres at 1 m: a smaller scatter than any camera's is not believed
FIRST_PIXEL, FIRST_DISTANCE = 3.0, 0.006  # the scatter that is assumed at the start
GATE = 0.02  # metres at 1 m by which surfaces that belong together may be apart at first
OUTSIDE = 4.0  # scatters beyond which a measurement does not agree
PARALLEL_COSINE = 0.85
FEWEST_CORNERS, FEWEST_SURFACES = 4, 20
# measurements that err in common: by so much they say less than if each erred alone
CORNERS_IN_COMMON, SURFACES_IN_COMMON = 8.0, 4.0


class Corners(NamedTuple):
    """Points of the reference that are seen in the image."""

    points: Array  # (N,3) metres, in the reference's frame
    pixels: Array  # (N,2) in the camera's image

    def chosen(self, which: Flags | NDArray[np.integer]) -> Corners:
        """Some of them."""
        return Corners(self.points[which], self.pixels[which])


class Prior(NamedTuple):
    """What is known of a motion before anything is seen."""

    T_reference_camera: Array  # (4,4) where the camera is expected
    information: Array  # (6,6) of it
    late: Array  # (6,) the camera's motion from the colour image to the depth image
    late_sigma: Array  # (6,) of that


class Terms(NamedTuple):
    """What one kind of measurements says of a small motion of the camera."""

    information: Array  # (6,6)
    gradient: Array  # (6,)
    scatter: float  # of those that agree: pixels, or metres at 1 m
    agree: int
    of: int  # how many could agree


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where the camera is, and what holds it there."""

    T_reference_camera: Array  # (4,4)
    information: Array  # (6,6) along the camera's axes, with the prior's
    measured: Array  # (6,6) the part of the measurements
    late: Array  # (6,) the camera's motion from the colour image to the depth image
    corners: Terms
    surfaces: Terms

    @property
    def T_colour_depth(self) -> Array:
        """(4,4) from the moment of the depth image to that of the colour image."""
        return se3.moved(self.late)

    @property
    def surface_share(self) -> float:
        """Share, 0 to 1, of the surfaces in sight that agree."""
        return self.surfaces.agree / max(self.surfaces.of, 1)


HELD = 2.0  # least information of a direction that is held, over that by errors of the normals
MISTAKEN = 0.002  # share of surfaces that are none, and have any normal
SOME = 4  # of so many surfaces one is taken, for what errors of normals give
NO_TERMS = Terms(np.zeros((6, 6)), np.zeros(6), 0.0, 0, 0)
NO_CORNERS = Corners(np.zeros((0, 3)), np.zeros((0, 2)))


def align(
    surfaces: Surfaces, reference: Surfaces, corners: Corners, matrix: Array, T_start: Array, prior: Prior
) -> Alignment:
    """The camera's pose from corners, and from its surfaces on those of the reference.

    `matrix` (3,3) is that of both images, `T_start` (4,4) where the search begins.
    """
    T: Array = T_start
    late: Array = prior.late
    points, normals = surfaces.points[surfaces.known], surfaces.normals[surfaces.known]
    late_information: Array = np.diag(1.0 / prior.late_sigma**2)
    pixels, metres = FIRST_PIXEL, FIRST_DISTANCE
    for iteration in range(ITERATIONS):
        by_corners = _corner_terms(corners, matrix, T, pixels)
        by_surfaces = _surface_terms(points, normals, reference, matrix, T @ se3.moved(late), metres)
        pixels, metres = by_corners.scatter or pixels, by_surfaces.scatter or metres
        # the motion to the depth image is eliminated (Schur's complement)
        H_late = by_surfaces.information + late_information
        g_late = by_surfaces.gradient + late_information @ (late - prior.late)
        gain = by_surfaces.information @ np.linalg.inv(H_late)
        measured = by_corners.information + by_surfaces.information - gain @ by_surfaces.information
        information = measured + prior.information
        gradient = by_corners.gradient + by_surfaces.gradient - gain @ g_late
        gradient = gradient + prior.information @ motion_of(se3.inverse(prior.T_reference_camera) @ T)
        step = np.asarray(-np.linalg.solve(information, gradient), np.float64)
        T = np.asarray(T @ se3.moved(step))
        late = late - np.linalg.solve(H_late, g_late + by_surfaces.information @ step)
        if iteration > 2 and np.abs(step).max() < CONVERGED:
            break
    return Alignment(T, information, measured, late, by_corners, by_surfaces)


def motion_of(T_before_after: Array) -> Array:
    """Inverse of `se3.moved`, for small motions along the axes of the frame after it."""
    rotation = T_before_after[:3, :3]
    return np.concatenate([rotation.T @ T_before_after[:3, 3], Rotation.from_matrix(rotation).as_rotvec()])


def _corner_terms(corners: Corners, matrix: Array, T: Array, scatter: float) -> Terms:
    """Of the distances in the image between where corners are expected and where they are."""
    if len(corners.points) < FEWEST_CORNERS:
        return NO_TERMS
    points = se3.apply(se3.inverse(T), corners.points)
    ahead = points[:, 2] > NEAREST_M
    points, seen = points[ahead], corners.pixels[ahead]
    x, y, z = points.T
    fx, fy = matrix[0, 0], matrix[1, 1]
    residual = np.stack([fx * x / z + matrix[0, 2], fy * y / z + matrix[1, 2]], axis=1) - seen
    by_point = np.zeros((len(z), 2, 3))
    by_point[:, 0, 0], by_point[:, 0, 2] = fx / z, -fx * x / z**2
    by_point[:, 1, 1], by_point[:, 1, 2] = fy / z, -fy * y / z**2
    # a motion (v, w) of the camera moves a point in its frame by -(v + w x p)
    jacobian = np.concatenate([-by_point, np.cross(by_point, points[:, None, :])], axis=2)
    length = np.linalg.norm(residual, axis=1)
    agree = length < OUTSIDE * scatter
    if agree.sum() < FEWEST_CORNERS:
        return NO_TERMS._replace(of=len(corners.points))
    weight = _robust(length / scatter) / (scatter**2 * CORNERS_IN_COMMON)
    return Terms(
        np.einsum("n,nki,nkj->ij", weight, jacobian, jacobian),
        np.einsum("n,nki,nk->i", weight, jacobian, residual),
        max(1.2 * float(np.median(length[agree])), LEAST_PIXEL),
        int(agree.sum()),
        len(corners.points),
    )


def _surface_terms(
    points: Array, normals: Array, reference: Surfaces, matrix: Array, T: Array, scatter: float
) -> Terms:
    """Of the distances between surfaces, point to plane (Chen and Medioni, 1992).

    A point belongs to the block of the reference in which it is seen. Distances are divided by the square of the
    depth, with which the errors of a depth camera grow.
    """
    here = se3.apply(T, points)
    row, column, seen = reference.blocks_of(here, matrix)
    here, points = here[seen], points[seen]
    plane = reference.normals[row, column]
    unit = np.maximum(here[:, 2], 0.5) ** 2
    residual = np.einsum("ni,ni->n", plane, here - reference.points[row, column]) / unit
    agree = np.einsum("ni,ni->n", plane, normals[seen] @ T[:3, :3].T) > PARALLEL_COSINE
    agree &= np.abs(residual) < max(GATE, OUTSIDE * scatter)
    if agree.sum() < FEWEST_SURFACES:
        return NO_TERMS._replace(of=len(agree))
    residual, normal = residual[agree], plane[agree] @ T[:3, :3]
    jacobian = np.concatenate([normal, np.cross(points[agree], normal)], axis=1) / unit[agree, None]
    weight = _robust(residual / scatter) / (scatter**2 * SURFACES_IN_COMMON)
    tilts = reference.tilts[row, column][agree] + MISTAKEN
    by_errors = _any_direction(points[agree][::SOME], (weight / unit[agree] ** 2 * tilts)[::SOME] * SOME)
    information, held = _held((jacobian * weight[:, None]).T @ jacobian, by_errors)
    return Terms(
        information,
        held @ (jacobian.T @ (weight * residual)),
        max(1.48 * float(np.median(np.abs(residual))), LEAST_DISTANCE),
        int(np.count_nonzero(np.abs(residual) < OUTSIDE * scatter)),
        len(agree),
    )


def _any_direction(points: Array, weights: Array) -> Array:
    """Information (6,6) of planes through points (N,3) whose normals have any direction."""
    x, y, z = points.T
    jacobians = np.zeros((len(points), 3, 6))  # of each axis e as a normal: e, and p x e
    jacobians[:, 0, 0] = jacobians[:, 1, 1] = jacobians[:, 2, 2] = 1.0
    jacobians[:, 0, 4], jacobians[:, 0, 5] = z, -y
    jacobians[:, 1, 3], jacobians[:, 1, 5] = -z, x
    jacobians[:, 2, 3], jacobians[:, 2, 4] = y, -x
    stacked = jacobians.reshape(-1, 6)
    return np.asarray((stacked * np.repeat(weights, 3)[:, None]).T @ stacked)


def _held(information: Array, by_errors: Array) -> tuple[Array, Array]:
    """The information (6,6) that surfaces hold, and the matrix (6,6) that leaves that part of a gradient.

    A bare wall does not hold what moves along it, but the errors of normals look as if it did: what they give by
    themselves is taken away, and directions in which it is a large part are not held at all (Hatleskog and Alexis,
    "Probabilistic degeneracy detection for point-to-plane error minimization", RA-L 2024).
    """
    # where all surfaces are on one line, the errors hold less than all
    least = 1e-9 * np.trace(information) * np.eye(6)
    ratios, motions = scipy.linalg.eigh(information, by_errors + least)
    share = np.where(ratios >= HELD, 1.0 - 1.0 / np.maximum(ratios, HELD), 0.0)
    coordinates = np.linalg.inv(motions)  # rows: of a motion, along each of the `motions`
    return (coordinates.T * (share * ratios)) @ coordinates, (coordinates.T * share) @ motions.T


def _robust(scatters: Array) -> Array:
    """Weights (N,) of residuals in units of the scatter (Geman and McClure, 1987)."""
    return 1.0 / (1.0 + (scatters / 2.0) ** 2) ** 2
