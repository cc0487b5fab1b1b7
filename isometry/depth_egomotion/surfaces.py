"""The surfaces in a depth image: a plane in each small block of pixels.

On a plane the inverse of the depth is linear in the pixel (1/z = a u + b v + c), and a depth camera that measures a
disparity errs in the inverse of the depth equally everywhere: a least-squares fit there is exact and evenly weighted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Flags, Index
from isometry.depth_egomotion.pinhole import NEAREST_M, rays_of
from isometry.geometry import se3

BLOCK = 8  # pixels of a side
LEAST_MEASURED = 0.6  # share of a block's pixels
BENT = 0.012  # 1/m, root mean square from the plane, above which a block shows an edge
MOST_IMAGES = 12.0  # over which the mean is taken: an older pose may be off by more than the depth errs
PARALLEL = 0.9  # cosine between the normals of the same surface
LEAST_NOISE = 0.0005  # 1/m of one pixel, as steps of the measurement hide the noise
IN_COMMON = 3.0  # pixels that err in common
ENOUGH_AROUND = 6  # blocks of the nine around, for a slope by them
STEEP_COSINE = 0.15  # of the angle between the normal and the ray, below which depth is not to be trusted


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Planes of the blocks of one depth image (h,w blocks), in its camera's frame."""

    points: Array  # (h,w,3) metres: where the ray through the middle of the block meets its plane
    normals: Array  # (h,w,3) unit vectors towards the camera
    tilts: Array  # (h,w) variances of the normals in each direction, radians squared
    known: Flags  # (h,w)
    images: Array  # (h,w) in how many each was measured

    def blocks_of(self, points: Array, matrix: Array) -> tuple[Index, Index, Flags]:
        """Row and column (M,) of the known blocks in which points (N,3) are seen, and which points (N,) are."""
        z = np.maximum(points[:, 2], NEAREST_M)
        column = np.floor((matrix[0, 0] * points[:, 0] / z + matrix[0, 2] + 0.5) / BLOCK).astype(np.intp)
        row = np.floor((matrix[1, 1] * points[:, 1] / z + matrix[1, 2] + 0.5) / BLOCK).astype(np.intp)
        rows, columns = self.known.shape
        seen = (points[:, 2] > NEAREST_M) & (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        seen[seen] = self.known[row[seen], column[seen]]
        return row[seen], column[seen], seen

    def merged(self, other: Surfaces, matrix: Array, T_self_other: Array, gate: float) -> Surfaces:
        """The mean of these surfaces and what another image (of the camera (3,3), at (4,4)) shows of them.

        Surfaces further apart than `gate`, in metres at a depth of 1 m, are not the same.
        """
        points = se3.apply(T_self_other, other.points[other.known])
        row, column, seen = self.blocks_of(points, matrix)
        plane, points = self.normals[row, column], points[seen]
        distance = np.einsum("ni,ni->n", plane, points - self.points[row, column])
        same = np.abs(distance) < gate * points[:, 2] ** 2
        same &= np.einsum("ni,ni->n", plane, (other.normals[other.known] @ T_self_other[:3, :3].T)[seen]) > PARALLEL
        total, count = np.zeros_like(self.images), np.zeros_like(self.images)
        np.add.at(total, (row[same], column[same]), distance[same])
        np.add.at(count, (row[same], column[same]), 1.0)
        images = np.minimum(self.images + (count > 0.0), MOST_IMAGES)
        shift = total / np.maximum(count, 1.0) / np.maximum(images, 1.0)
        return replace(self, points=self.points + shift[..., None] * self.normals, images=images)


def surfaces_of(depth: NDArray[np.floating], matrix: Array, max_depth_m: float) -> Surfaces:
    """The planes in depth (H,W) in metres of an ideal camera (3,3); 0 where nothing was measured."""
    rows, columns = depth.shape[0] // BLOCK, depth.shape[1] // BLOCK
    blocks = depth[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    pixels = blocks.transpose(0, 2, 1, 3).reshape(rows, columns, BLOCK * BLOCK).astype(np.float32)
    measured = (pixels > 0.0) & (pixels <= max_depth_m)
    weight = measured.astype(np.float32)
    inverse = np.divide(weight, pixels, out=np.zeros_like(pixels), where=measured)
    # moments of the pixel (from the middle of the block) and the inverse depth, of the measured pixels
    v, u = (np.mgrid[:BLOCK, :BLOCK] - (BLOCK - 1) / 2.0).reshape(2, -1).astype(np.float32)
    basis = np.stack([np.ones_like(u), u, v], axis=1)
    products = (basis[:, :, None] * basis[:, None, :]).reshape(-1, 9)
    normal_matrix = (weight @ products).reshape(rows, columns, 3, 3).astype(np.float64)
    right = (inverse @ basis).astype(np.float64)
    known = normal_matrix[..., 0, 0] >= LEAST_MEASURED * BLOCK * BLOCK
    normal_matrix[~known] = np.eye(3)
    # at the middle: value, slope in u, slope in v
    plane = np.asarray(np.linalg.solve(normal_matrix, right[..., None])[..., 0], np.float64)
    squared = (inverse * inverse).sum(axis=2) - np.einsum("hwi,hwi->hw", plane, right)
    variance = np.asarray(np.maximum(squared, 0.0) / normal_matrix[..., 0, 0] + LEAST_NOISE**2, np.float64)
    known &= variance <= BENT**2
    known &= plane[..., 0] > 1.0 / (1.5 * max_depth_m)
    plane[~known], variance[~known] = [1.0, 0.0, 0.0], LEAST_NOISE**2
    slope_variance = _steadied(plane, variance / (BLOCK * BLOCK / IN_COMMON), known)
    middle = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1) * BLOCK + (BLOCK - 1) / 2.0
    rays = rays_of(middle, matrix)
    points = rays / plane[..., :1]
    # 1/z = s . K ray, s = (a, b, c), so the plane is (K^T s) . point = 1
    slopes = plane[..., 1:]
    constant = plane[..., 0] - np.einsum("hwi,hwi->hw", slopes, middle)
    normals = -np.concatenate([slopes, constant[..., None]], axis=2) @ matrix
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    cosine = -np.einsum("hwi,hwi->hw", normals, rays) / np.linalg.norm(rays, axis=2)
    known &= cosine > STEEP_COSINE
    tilts = slope_variance * (matrix[0, 0] / plane[..., 0]) ** 2
    return Surfaces(points, normals, tilts, known, known.astype(np.float64))


def _steadied(plane: Array, variance: Array, known: Flags) -> Array:
    """Take the slopes of planes (h,w,3) from the blocks around, where these lie in the same plane; their variances.

    Changes `plane`. `variance` (h,w) is that of the values in the middle of the blocks. Where too few blocks around
    are of the same plane the slopes remain those within a block, which are eight times as uncertain.
    """
    rows, columns = known.shape
    padded, valid = np.pad(plane, ((1, 1), (1, 1), (0, 0))), np.pad(known, 1)
    matrix, right, count = np.zeros((rows, columns, 3, 3)), np.zeros((rows, columns, 3)), np.zeros((rows, columns))
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            here = slice(1 + down, 1 + down + rows), slice(1 + across, 1 + across + columns)
            basis = np.array([1.0, across * BLOCK, down * BLOCK])
            same = valid[here] & (np.abs(padded[here][..., 0] - plane @ basis) < BENT)
            matrix += same[..., None, None] * np.outer(basis, basis)
            right += (same * padded[here][..., 0])[..., None] * basis
            count += same
    enough = known & (count >= ENOUGH_AROUND)
    matrix[~enough] = np.eye(3)
    plane[enough, 1:] = np.linalg.solve(matrix, right[..., None])[enough, 1:, 0]
    within = BLOCK * BLOCK * (BLOCK * BLOCK - 1.0) / 12.0 / (BLOCK * BLOCK)
    around = np.linalg.inv(matrix)[..., 1, 1]
    return np.where(enough, variance * around, variance / within)
