"""Which motions of the source the surfaces that both clouds show hold, and which they leave free."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array
from isometry.geometry import degeneracy, se3
from isometry.registration.verification import PARALLEL_COSINE, CachedCloud

SAMPLE = 8000  # points of the source: where little overlaps, few of them are shared
NEIGHBOURS = 12  # of a point, for the error of its normal
TOLERANCE, ALONG = 1.5, 4.5  # resolutions from the plane of the nearest point of the target, and along it


def held(target: CachedCloud, source: CachedCloud, T_target_source: Array) -> degeneracy.Held:
    """What the points of the source that lie on surfaces of the target say about its motion, in the source's frame."""
    resolution = target.cloud.resolution
    chosen = source.order[:SAMPLE]
    moved = se3.apply(T_target_source, source.cloud.points[chosen])
    distance, nearest = target.tree.query(moved, distance_upper_bound=ALONG * resolution)
    near = np.isfinite(distance)
    nearest = np.where(near, nearest, 0)
    normals = target.cloud.normals[nearest]
    near &= np.abs(np.einsum("ij,ij->i", moved - target.cloud.points[nearest], normals)) < TOLERANCE * resolution
    turned = source.cloud.normals[chosen] @ T_target_source[:3, :3].T
    cosine = np.abs(np.einsum("ij,ij->i", turned, normals))
    shared = chosen[near & (cosine > PARALLEL_COSINE)]
    if len(source.cloud.points) < NEIGHBOURS or not len(shared):
        return degeneracy.NOTHING
    _, neighbours = source.tree.query(source.cloud.points[shared], NEIGHBOURS)
    planes = degeneracy.planes(source.cloud.points, neighbours, resolution)
    return degeneracy.held(planes._replace(thicknesses=np.ones(len(planes.points))))  # calibrated with equal weights
