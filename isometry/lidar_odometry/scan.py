"""A scan prepared for alignment: motion compensated, within range, thinned."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import small_gicp
from numpy.typing import NDArray
from scipy.linalg import block_diag
from scipy.spatial.transform import Rotation

from isometry.arrays import Array, Flags
from isometry.geometry import degeneracy
from isometry.lidar_odometry.parameters import LidarOdometryParameters
from isometry.sensing.units import check_metres

RADIUS_VOXELS = 12.0  # root mean square range of a scan over the voxel size: 1 m on a street, 0.25 m in a room
FINEST_METRES, COARSEST_METRES = 0.15, 1.0
THINNED_VOXELS = 0.4  # metres between the aligned points, in voxels of the map
RECURRENCE = 1.2207440846 ** -np.arange(1.0, 4.0)  # powers of the root of x^4 = x + 1: steps that fill a cube evenly
NEIGHBOURS = 10  # of a point, for its plane
FLAT = 0.01  # mean distance of a planar laser's points from its plane, over their range
LAYERS = np.arange(-2.0, 3.0)  # in which the walls of a planar laser are extended, in spacings
SURFACE_NEIGHBOURS = 20  # of a point, to tell a surface from a line
SURFACES = 2000  # points whose surfaces are examined
INSTANTS = 64  # of a scan, for which the orientation is interpolated


class Scan(NamedTuple):
    """A scan for alignment."""

    cloud: small_gicp.PointCloud  # N points with the plane around each
    surfaces: degeneracy.Planes  # around some of the points
    share: float  # of the points with a surface of which there are `surfaces`
    possible: Array  # (6,6) gives the possible part of a motion: all of it, or that in the plane of a planar laser

    def held(self, chosen: Flags | None = None) -> degeneracy.Held:
        """Which directions of its motion the surfaces hold, or the chosen ones (M,) of them."""
        surfaces = self.surfaces if chosen is None else self.surfaces.chosen(chosen)
        held = degeneracy.held(surfaces)
        held = held._replace(information=held.information / self.share, errors=held.errors * self.share)
        if np.array_equal(self.possible, np.eye(6)):
            return held
        free = self.possible @ (np.eye(6) - held.part) @ self.possible
        return held._replace(
            part=np.eye(6) - free,
            free=np.diag(free).clip(0.0, 1.0),
            errors=self.possible @ held.errors @ self.possible,
        )


def compensated(points: NDArray[np.floating], offsets_s: NDArray[np.floating] | None, twist: Array) -> Array:
    """Points (N,3) moved to their positions in the base frame at the scan's stamp, where the base has a `twist` (6,).

    `offsets_s` (N,) are the seconds from the stamp to each reading; None: all are of the stamp. Readings that are not
    finite are left out. Raises ValueError for arrays of other shapes.
    """
    if points.ndim != 2 or points.shape[1] < 3:
        raise ValueError(f"a scan must have the shape (N,3), not {points.shape}")
    cloud = np.asarray(points[:, :3], np.float64)
    finite = np.isfinite(cloud).all(axis=1)
    if offsets_s is None:
        kept: Array = cloud if finite.all() else cloud[finite]
        return kept
    if offsets_s.shape != (len(points),):
        raise ValueError(f"{len(points)} readings have times of shape {offsets_s.shape}")
    finite &= np.isfinite(offsets_s)
    readings: Array = cloud[finite]
    if not len(readings):
        return readings
    offsets = np.asarray(offsets_s[finite], np.float64)
    span = max(float(np.ptp(offsets)), 1e-9)
    instant = np.minimum(((offsets - offsets.min()) * (INSTANTS / span)).astype(np.int64), INSTANTS - 1)
    seconds = offsets.min() + (np.arange(INSTANTS) + 0.5) * span / INSTANTS
    R = Rotation.from_rotvec(seconds[:, None] * twist[3:]).as_matrix()
    return np.asarray(np.einsum("nij,nj->ni", R[instant], readings) + offsets[:, None] * twist[:3])


def within_range(points: Array, origin: NDArray[np.floating], parameters: LidarOdometryParameters) -> Array:
    """The points (M,3) within the parameters' range from the sensor at `origin` (3,).

    Raises ValueError for too few points, and for points so far away that their unit cannot be the metre.
    """
    ray = points - origin
    squared = np.einsum("ij,ij->i", ray, ray)
    check_metres(squared)
    ranges = np.sqrt(squared)
    kept = np.compress((ranges >= parameters.min_range) & (ranges <= parameters.max_range), points, axis=0)
    if len(kept) < parameters.fewest_points:
        raise ValueError(
            f"a scan has {len(kept)} finite points between {parameters.min_range:g} and {parameters.max_range:g} m, "
            f"fewer than fewest_points = {parameters.fewest_points}"
        )
    return kept


def voxel_size(points: Array, origin: NDArray[np.floating]) -> float:
    """Voxel size in metres for points (N,3) measured from `origin` (3,), by their root mean square range."""
    ray = points - origin
    radius = float(np.sqrt(np.einsum("ij,ij->", ray, ray) / len(ray)))
    return float(np.clip(radius / RADIUS_VOXELS, FINEST_METRES, COARSEST_METRES))


def thinned(points: Array, origin: Array, voxel: float, parameters: LidarOdometryParameters) -> Scan:
    """At most `most_points` of the points (N,3), which were measured from `origin` (3,), evenly distributed."""
    spacing = THINNED_VOXELS * voxel
    chosen = np.asarray(small_gicp.voxelgrid_sampling(points, spacing, num_threads=parameters.threads).points())[:, :3]
    if len(chosen) > parameters.most_points:
        kept = _evenly(chosen, spacing, parameters.most_points)
        spacing *= np.sqrt(len(chosen) / len(kept))
        chosen = kept
    normal = _normal_of_a_planar_laser(chosen - origin)
    if normal is not None:  # walls are taken to be upright
        chosen = np.concatenate([chosen + layer * spacing * normal for layer in LAYERS])
    cloud = small_gicp.PointCloud(chosen)
    tree = small_gicp.KdTree(cloud, num_threads=parameters.threads)
    small_gicp.estimate_covariances(cloud, tree, num_neighbors=NEIGHBOURS, num_threads=parameters.threads)
    every = -(-len(chosen) // SURFACES)
    neighbours, _ = tree.batch_knn_search(chosen[::every], SURFACE_NEIGHBOURS, num_threads=parameters.threads)
    surfaces = degeneracy.planes(chosen, neighbours.astype(np.int64), spacing)
    if normal is None:
        return Scan(cloud, surfaces, 1.0 / every, np.eye(6))
    # a planar laser is taken to move in its own plane, as on a level floor
    along = np.outer(normal, normal)
    return Scan(cloud, surfaces, 1.0 / every, block_diag(np.eye(3) - along, along))


def _normal_of_a_planar_laser(rays: Array) -> Array | None:
    """The normal (3,) of the plane through the sensor in which all rays (N,3) lie; None where they do not."""
    variances, axes = np.linalg.eigh(rays.T @ rays)
    return np.asarray(axes[:, 0]) if variances[0] < FLAT**2 * variances[2] else None


def _evenly(points: Array, size: float, count: int) -> Array:
    """`count` points (C,3) of the points (N,3), which are in different voxels of `size` metres.

    The choice depends on the positions of voxels, not on the order of points, so one point more or less changes it by
    about one point. Each voxel has a rank by an additive recurrence (Roberts, "The unreasonable effectiveness of
    quasirandom sequences", 2018); the ranks are distributed evenly in space.
    """
    rank = (np.floor(points / size) @ RECURRENCE) % 1.0
    chosen: Array = points[np.sort(np.argpartition(rank, count)[:count])]
    return chosen
