"""The canonical frame of a cloud, in which it is registered: at its centre, along its own axes.

A cloud that is shifted or turned is the same cloud in its canonical frame, and is registered in the same way. All grids
of the method begin there, and no coordinate is large.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from isometry.arrays import Array
from isometry.geometry import covariance, se3
from isometry.registration.types import Cloud, Registration

SAMPLE = 100_000  # points of which the centre and the axes are computed


@dataclass(frozen=True, eq=False)
class Canonical:
    """A cloud in its canonical frame, and that frame in the one that the cloud was given in."""

    cloud: Cloud
    T_given_canonical: Array  # (4,4)


def canonical(cloud: Cloud) -> Canonical:
    """A cloud in the canonical frame of its points."""
    T_given_canonical = canonical_frame(cloud.points)
    R, centre = T_given_canonical[:3, :3], T_given_canonical[:3, 3]
    moved = replace(
        cloud,
        points=(cloud.points - centre) @ R,
        normals=cloud.normals @ R,
        viewpoint=None if cloud.viewpoint is None else (cloud.viewpoint - centre) @ R,
        up=None if cloud.up is None else cloud.up @ R,
    )
    return Canonical(moved, T_given_canonical)


def canonical_frame(points: Array) -> Array:
    """The frame (4,4) at the mean of points (N,3), along their own axes."""
    sample = points[:: max(1, len(points) // SAMPLE)]
    centre = sample.mean(axis=0)
    return se3.from_rotation_translation(own_axes(sample - centre), centre)


def own_axes(points: Array) -> Array:
    """Rotation (3,3) whose columns are the principal axes of centred points (N,3), each towards its longer tail.

    Turned points have turned axes, unless two of the extents or two of the tails are alike.
    """
    _, axes = np.linalg.eigh(points.T @ points)
    along = points @ axes[:, :2]
    signs = np.where((along**3).sum(axis=0) < 0.0, -1.0, 1.0)
    first, second = (axes[:, :2] * signs).T
    return np.column_stack([first, second, np.cross(first, second)])


def in_given_frames(registration: Registration, target: Canonical, source: Canonical) -> Registration:
    """The result for two clouds in their canonical frames as that for the clouds as given, covariance included."""
    T_target, T_source = target.T_given_canonical, source.T_given_canonical
    T_canonical_given = se3.inverse(T_source)
    # from the source's centre to the origin of its given frame, along the axes of the target's canonical frame
    lever = registration.T_target_source[:3, :3] @ T_canonical_given[:3, 3]
    at_origin = covariance.at_point(registration.covariance, lever)
    return replace(
        registration,
        T_target_source=T_target @ registration.T_target_source @ T_canonical_given,
        alternatives=T_target @ registration.alternatives @ T_canonical_given,
        covariance=covariance.rotated(at_origin, T_target[:3, :3]),
    )
