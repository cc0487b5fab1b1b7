"""Degenerate directions: which motions of a cloud its surfaces hold, and which they leave free.

A plane holds the motion along its normal. Along a tunnel no surface has a normal, but estimated normals have errors,
and an alignment takes the errors for information. Here that part is computed and compared with the whole:

    points -> the plane around each, with the error of its normal -> information, and what errors alone would give of it
    -> a direction is held where the information is several times that -> the covariance, with a prior for the rest

Motions are small motions of the cloud in its own frame: (6,) x, y, z in metres, then rotations about them in radians.

Sources: Zhang, Kaess and Singh, "On degeneracy of optimization-based state estimation problems" (ICRA 2016) leave the
degenerate directions out of an update; Hatleskog and Alexis, "Probabilistic degeneracy detection for point-to-plane
error minimization" (RA-L 2024) compare information with its noise. Directions in which the ratio of the two is
stationary do not depend on units, so that metres and radians need no weights.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from isometry.arrays import Array, Flags

HELD = 3.0  # least information of a held direction, over that by errors of the normals alone
LARGEST_TILT = 0.1  # radians, standard deviation; the errors of a normal are propagated to first order
FEWEST = 15.0  # least effective number of planes that hold a direction; a few may err alike, as those of one trunk
MISTAKEN = 0.003  # share of planes that are none, such as leaves and edges; their normals have any direction
FINEST = 0.1  # least standard deviation of a distance from a plane, over the spacing of the points
SPARSEST = 3.0  # area in which the neighbours of a point lie, over that of as many evenly spaced points


class Planes(NamedTuple):
    """The planes around points, with the errors of their normals."""

    points: Array  # (N,3) metres
    axes: Array  # (N,3,3) the columns are the normal and two directions in the plane
    tilts: Array  # (N,2) variances in radians squared, of the normal towards those two
    thicknesses: Array  # (N,) variances in metres squared, of the distances of points from the plane

    def chosen(self, which: Flags) -> Planes:
        """Those of them (M,) for which `which` (N,) is true."""
        return Planes(*(part[which] for part in self))


class Held(NamedTuple):
    """What a cloud says about its own motion, if the errors of all planes are independent.

    A motion is the sum of its held part, `part @ motion`, and its free part, which the planes do not tell.
    """

    information: Array  # (6,6) zero in free directions
    free: Array  # (6,) share of a motion along each axis that nothing holds, 0 to 1
    part: Array  # (6,6)
    errors: Array  # (6,6) covariance of the held part as an alignment finds it


NOTHING = Held(np.zeros((6, 6)), np.ones(6), np.zeros((6, 6)), np.zeros((6, 6)))


def planes(points: Array, neighbours: NDArray[np.integer], spacing: float) -> Planes:
    """The planes around those of the points (N,3) whose neighbourhood is a surface, evenly filled with points.

    `neighbours` (M,K) are the numbers of the K > 3 nearest points of M points, the nearest first, which is the point
    itself. `spacing` is the distance in metres of points on a well sampled surface. Neighbours along a line, as where
    the beams of a LiDAR are far apart, are no surface: at a corner of two walls they lie in a plane that is neither.
    """
    count = neighbours.shape[1]
    patches = points[neighbours]
    reach = np.linalg.norm(patches[:, -1] - patches[:, 0], axis=1)
    filled = np.pi * reach**2 <= SPARSEST * count * spacing**2
    patches = patches[filled]
    centred = patches - patches.mean(axis=1, keepdims=True)
    variances, axes = np.linalg.eigh(np.einsum("nki,nkj->nij", centred, centred) / count)
    flat, wide = np.maximum(variances[:, :1], 0.0), variances[:, 1:]
    # the error of an eigenvector of a sample (Anderson, Asymptotic theory for principal component analysis, 1963)
    tilts = flat * wide / ((count - 3) * np.maximum(wide - flat, 1e-12) ** 2)
    known = (tilts <= LARGEST_TILT**2).all(axis=1)
    thicknesses = flat[known, 0] + (FINEST * spacing) ** 2
    return Planes(patches[known, 0], axes[known], tilts[known], thicknesses)


def information(surfaces: Planes) -> tuple[Array, Array]:
    """Information (6,6) of the planes about the motion, and the part (6,6) that is expected of errors of normals."""
    weights = 1.0 / surfaces.thicknesses
    normals, *tilted = (_jacobian(surfaces.points, surfaces.axes[:, :, k]) for k in range(3))
    noise = [(J.T * (weights * tilt)) @ J for J, tilt in zip(tilted, surfaces.tilts.T, strict=True)]
    # what is no plane is not thin either
    noise += [MISTAKEN / 3.0 / np.mean(surfaces.thicknesses) * J.T @ J for J in (normals, *tilted)]
    return (normals.T * weights) @ normals, np.sum(noise, axis=0)


def held(surfaces: Planes) -> Held:
    """What the planes hold: nothing where there are none."""
    if not len(surfaces.points):
        return NOTHING
    # turns in metres of the points, so that matrices are well conditioned and `free` is of their motion
    lever = np.append(np.ones(3), np.full(3, np.sqrt(np.mean(np.sum(surfaces.points**2, axis=1)))))
    whole, noise = (matrix / np.outer(lever, lever) for matrix in information(surfaces))
    ratios, motions = scipy.linalg.eigh(whole, noise + 1e-9 * np.trace(whole) * np.eye(6))
    coordinates = np.linalg.inv(motions)  # rows: of a motion, along each of the `motions`
    enough: Flags = (ratios >= HELD) & (_effective_number(surfaces, motions / lever[:, None]) >= FEWEST)
    motions, coordinates, excess = motions[:, enough], coordinates[enough], ratios[enough] - 1.0
    part = motions @ coordinates
    return Held(
        (coordinates.T * excess) @ coordinates * np.outer(lever, lever),
        np.minimum(np.linalg.norm(np.eye(6) - part, axis=0), 1.0),
        part * np.outer(1.0 / lever, lever),
        motions / excess @ motions.T / np.outer(lever, lever),
    )


def _effective_number(surfaces: Planes, motions: Array) -> Array:
    """Effective number (6,) of planes that give the information about each column of `motions` (6,6): Kish (1965)."""
    parts = _jacobian(surfaces.points, surfaces.axes[:, :, 0]) @ motions
    parts = parts**2 / surfaces.thicknesses[:, None]
    return np.asarray(parts.sum(axis=0) ** 2 / np.maximum((parts**2).sum(axis=0), 1e-300))


def covariance(information: Array, prior: Array) -> Array:
    """Covariance (6,6) of a motion whose covariance was `prior` (6,6) before the information (6,6) came."""
    posterior = np.linalg.inv(information + np.linalg.inv(prior))
    return np.asarray((posterior + posterior.T) / 2.0)


def _jacobian(points: Array, directions: Array) -> Array:
    """Change (N,6) of the distance along directions (N,3) by a motion of the points (N,3)."""
    return np.hstack([directions, np.cross(points, directions)])
