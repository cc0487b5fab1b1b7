"""Which motions of the source the surfaces that both clouds show hold, and which they leave free."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array
from isometry.geometry import degeneracy, se3
from isometry.registration.verification import CachedCloud, lie_on

SAMPLE = 8000  # points of the source: where little overlaps, few of them are shared
NEIGHBOURS = 12  # of a point, for the error of its normal
TOLERANCE = 1.5  # resolutions from the plane of the nearest point of the target
ALONG = 3.0  # of the tolerance, along the surface


def held(target: CachedCloud, source: CachedCloud, T_target_source: Array) -> degeneracy.Held:
    """What the points of the source that lie on surfaces of the target say about its motion, in the source's frame."""
    resolution = target.cloud.resolution
    chosen = source.order[:SAMPLE]
    moved = se3.apply(T_target_source, source.cloud.points[chosen])
    turned = source.cloud.normals[chosen] @ T_target_source[:3, :3].T
    shared = chosen[lie_on(target, moved, turned, TOLERANCE * resolution, ALONG, oriented=False)]
    if len(source.cloud.points) < NEIGHBOURS or not len(shared):
        return degeneracy.NOTHING
    _, neighbours = source.tree.query(source.cloud.points[shared], NEIGHBOURS)
    planes = degeneracy.planes(source.cloud.points, neighbours, resolution)
    return degeneracy.held(planes._replace(thicknesses=np.ones(len(planes.points))))  # calibrated with equal weights
