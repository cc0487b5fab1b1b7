"""Degenerate directions: which motions of a cloud its surfaces hold, and which they leave free.

A plane holds the motion along its normal. Along a tunnel no surface has a normal, but estimated normals have errors,
and an alignment takes the errors for information. Here that part is computed and compared with the whole:

    points -> the plane around each, with the error of its normal -> information, and what errors alone would give of it
    -> a direction is held where the information is several times that -> the covariance, given a prior for the rest

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

HELD = 4.0  # least information of a held direction, over that by errors of the normals alone
LARGEST_TILT = 0.1  # radians, standard deviation; the errors of a normal are propagated to first order
LEAST_TILT = 0.002  # radians: a real surface is not flatter
SPARSEST = 3.0  # area in which the neighbours of a point lie, over that of as many evenly spaced points


class Planes(NamedTuple):
    """The planes around points, with the errors of their normals."""

    points: Array  # (N,3) metres
    axes: Array  # (N,3,3) the columns are the normal and two directions in the plane
    tilts: Array  # (N,2) variances in radians squared, of the normal towards those two


class Held(NamedTuple):
    """What a cloud says about its own motion."""

    information: Array  # (6,6) for distances from planes of variance 1 m2; zero in directions that are not held
    free: Array  # (6,) share of a motion along each axis that nothing holds, 0 to 1


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
    tilts = flat * wide / ((count - 3) * np.maximum(wide - flat, 1e-12) ** 2) + LEAST_TILT**2
    known = (tilts <= LARGEST_TILT**2).all(axis=1)
    return Planes(patches[known, 0], axes[known], tilts[known])


def information(surfaces: Planes) -> tuple[Array, Array]:
    """Information (6,6) of distances of variance 1 m2 from planes, and the part (6,6) expected of errors of normals."""
    along_normal, *tilted = (_jacobian(surfaces.points, surfaces.axes[:, :, k]) for k in range(3))
    noise = sum(J.T @ (J * tilt[:, None]) for J, tilt in zip(tilted, surfaces.tilts.T, strict=True))
    return np.asarray(along_normal.T @ along_normal), np.asarray(noise)


def held(surfaces: Planes) -> Held:
    """What the planes hold: nothing where there are none."""
    if not len(surfaces.points):
        return Held(np.zeros((6, 6)), np.ones(6))
    lever = np.append(np.ones(3), np.full(3, np.sqrt(np.mean(np.sum(surfaces.points**2, axis=1)))))
    whole, noise = (matrix / np.outer(lever, lever) for matrix in information(surfaces))
    # without noise in a direction, there is none to compare with
    least = LEAST_TILT**2 * len(surfaces.points) / 3.0
    ratios, motions = scipy.linalg.eigh(whole, noise + least * np.eye(6))
    coordinates = np.linalg.inv(motions)  # rows: of a motion, along each of the `motions`
    enough: Flags = ratios >= HELD
    of_held = coordinates[enough].T @ (coordinates[enough] * (ratios[enough] - 1.0)[:, None])
    left = motions[:, ~enough] @ coordinates[~enough]
    return Held(of_held * np.outer(lever, lever), np.minimum(np.linalg.norm(left, axis=0), 1.0))


def covariance(information: Array, prior: Array) -> Array:
    """Covariance (6,6) of a motion whose covariance was `prior` (6,6) before the information (6,6) came."""
    posterior = np.linalg.inv(information + np.linalg.inv(prior))
    return np.asarray((posterior + posterior.T) / 2.0)


def update(information: Array, posterior: Array, motion: Array) -> Array:
    """The motion (6,) by an alignment, without its part in free directions: there the prior's mean, 0, remains.

    `posterior` (6,6) is the `covariance` of the same information (6,6).
    """
    return np.asarray(posterior @ information @ motion)


def _jacobian(points: Array, directions: Array) -> Array:
    """Change (N,6) of the distance along directions (N,3) by a motion of the points (N,3)."""
    return np.hstack([directions, np.cross(points, directions)])
