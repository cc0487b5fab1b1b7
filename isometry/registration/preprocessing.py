"""From points to a cloud that can be registered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import small_gicp
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.frames import canonical_frame
from isometry.registration.outliers import measured
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.types import Cloud, UnusableCloudError

RADIUS_POINTS = 40.0  # root mean square radius over resolution: 0.4 m for a street, 0.1 m for an office
MOST_POINTS = 20_000  # a cloud with more points at its resolution is thinned further
FINEST_METRES, COARSEST_METRES = 0.025, 0.4  # by the extent of a cloud
THINNEST_METRES = 1.6  # for a cloud with too many points
STEPS_PER_OCTAVE = 2  # of the resolution: two scans of one sensor mostly have the same
NEIGHBOURS = 12  # of a point, for its normal
SURFACE_RESOLUTIONS = 3.0  # distance from a plane within which points belong to it
SURFACE_METRES = 0.5  # the same, at most: both walls of a long corridor are not one plane
LEAST_STRUCTURE = 0.005  # share of points off a plane, below which a small cloud is that plane
WIDEST_SPACING_METRES = 3.0  # no sensor's cloud in metres is sparser


def prepare(
    points: NDArray[np.floating],
    parameters: RegistrationParameters,
    viewpoint: NDArray[np.floating] | None = None,
    up: NDArray[np.floating] | None = None,
) -> Cloud:
    """Thin a cloud (N,3) in metres to its resolution and compute normals.

    `viewpoint` (3,) is the position of the sensor: the origin for a scan in its sensor's frame, None for a map or a
    model. `up` (3,) points against gravity, where that is known. Points that are not finite are left out, and those so
    far off all others that no sensor measured them.

    Raises UnusableCloudError for a cloud of another shape, with too few distinct points, in another unit than the
    metre, or with all points in one plane or on one line, which do not determine a transform.
    """
    usable, left_out = usable_points(points, parameters)
    T_given_canonical = canonical_frame(usable)
    usable = se3.apply(se3.inverse(T_given_canonical), usable)
    resolution = parameters.resolution or resolution_of(usable)
    thinned = _thinned(usable, resolution)
    while len(thinned) > MOST_POINTS and not parameters.resolution and resolution < THINNEST_METRES:
        resolution *= 2.0 ** (1.0 / STEPS_PER_OCTAVE)
        thinned = _thinned(usable, resolution)
    check_usable(thinned, resolution, parameters)
    cloud = with_normals(se3.apply(T_given_canonical, thinned), resolution, viewpoint, up)
    return replace(cloud, left_out=left_out)


def at_resolution(cloud: Cloud, resolution: float) -> Cloud:
    """The cloud with points spaced `resolution` metres apart; itself where it is as coarse already."""
    if resolution <= cloud.resolution * 1.001:
        return cloud
    return with_normals(_thinned(cloud.points, resolution), resolution, cloud.viewpoint, cloud.up)


def with_normals(
    points: Array, resolution: float, viewpoint: NDArray[np.floating] | None, up: NDArray[np.floating] | None
) -> Cloud:
    """The cloud of points (N,3) that are `resolution` metres apart already; other arguments as for `prepare`."""
    cloud = small_gicp.PointCloud(points)
    small_gicp.estimate_normals(cloud, small_gicp.KdTree(cloud), num_neighbors=NEIGHBOURS)
    normals = np.array(cloud.normals()[:, :3])
    origin = None if viewpoint is None else np.asarray(viewpoint, np.float64)
    if origin is not None:
        away = np.einsum("ij,ij->i", normals, points - origin) > 0.0
        normals[away] *= -1.0
    direction = None if up is None else np.asarray(up, np.float64) / np.linalg.norm(up)
    return Cloud(np.array(points), normals, resolution, origin, direction)


def usable_points(points: NDArray[np.floating], parameters: RegistrationParameters) -> tuple[Array, int]:
    """The finite points (M,3) of a cloud (N,3) that a sensor may have measured, and how many finite ones are left out.

    Raises UnusableCloudError for a cloud of another shape or with too few finite points.
    """
    if points.ndim != 2 or points.shape[1] < 3:
        raise UnusableCloudError(f"a cloud must have the shape (N,3), not {points.shape}")
    finite = np.asarray(points[:, :3], np.float64)
    finite = _kept(finite, np.asarray(np.isfinite(finite).all(axis=1)))
    _check_count(len(finite), "finite", parameters)
    usable = _kept(finite, measured(finite))
    return usable, len(finite) - len(usable)


def check_usable(points: Array, resolution: float, parameters: RegistrationParameters) -> None:
    """Raise UnusableCloudError for points (N,3), thinned to `resolution` metres, that do not determine a transform."""
    _check_count(len(points), f"distinct (at {resolution:.2g} m)", parameters)
    _check_spacing(points)
    _check_structure(points, resolution, parameters)


def _kept(points: Array, kept: NDArray[np.bool_]) -> Array:
    return points if kept.all() else points[kept]


def _thinned(points: Array, resolution: float) -> Array:
    return np.asarray(small_gicp.voxelgrid_sampling(points, resolution).points())[:, :3]


def resolution_of(points: Array) -> float:
    """The metres between points at which points (N,3) of this extent are registered."""
    radius = float(np.sqrt(np.square(points - points.mean(axis=0)).sum(axis=1).mean()))
    radius = max(radius, 1e-9)  # a cloud of one distinct point is refused later, for its count
    octaves = np.round(STEPS_PER_OCTAVE * np.log2(radius / RADIUS_POINTS / COARSEST_METRES)) / STEPS_PER_OCTAVE
    return float(np.clip(COARSEST_METRES * 2.0**octaves, FINEST_METRES, COARSEST_METRES))


def _check_count(count: int, property_: str, parameters: RegistrationParameters) -> None:
    if count < parameters.fewest_points:
        raise UnusableCloudError(
            f"a cloud has {count} {property_} points, fewer than fewest_points = {parameters.fewest_points}"
        )


def _check_spacing(points: Array) -> None:
    sample = points[:: max(1, len(points) // 500)]
    spacing = float(np.median(cKDTree(points).query(sample, k=2)[0][:, 1]))
    if spacing > WIDEST_SPACING_METRES:
        raise UnusableCloudError(
            f"the points of a cloud lie {spacing:.3g} m apart: no sensor's cloud in metres; is its unit the millimetre?"
        )


def _check_structure(points: Array, resolution: float, parameters: RegistrationParameters) -> None:
    """Whether enough of the points stand off the plane or the line that fits them best.

    The extents do not tell that: a level site is a thousand times wider than it is high.
    """
    centred = points - points.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    off = (np.abs(centred @ axes) > min(SURFACE_RESOLUTIONS * resolution, SURFACE_METRES)).sum(axis=0)
    fewest = min(LEAST_STRUCTURE * len(points), parameters.fewest_points)
    if off[0] < fewest:
        shape = "line" if off[1] < fewest else "plane"
        raise UnusableCloudError(f"the points of a cloud lie in one {shape}: they do not determine a transform")
