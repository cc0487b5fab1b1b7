"""From matches to hypotheses of the transform: which matches are consistent, and the poses that they determine.

Two matches are consistent when one rigid motion can explain both: the distance between their points is the same in both
clouds, and, where features turn with the clouds, the pose of one match predicts the other. Seeds are the matches that
are consistent with most others (after Chen et al., SC2-PCR, 2022, which compares distances only).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry.se3 import nearest_rotation

LENGTH_TOLERANCE = 4.0  # resolutions: two fine points that match can lie one spacing apart
INLIER_TOLERANCE = 3.0  # resolutions
LEAST_ROTATION_AGREEMENT = 0.82  # cosine of about 35 degrees, the error of the rotation of a single match
LEVER_TOLERANCE = 0.5  # resolutions per resolution of distance
SEEDS = 128
FEWEST = 3  # matches that determine a transform by their points alone
REFITS = (12.0, 6.0, 4.0)  # resolutions within which matches are inliers, in each round
SAME_PLACE = 6.0  # resolutions; mean distance between the points moved by two hypotheses that are the same
MOST_HYPOTHESES = 32

Compatible = NDArray[np.float32]


@dataclass(frozen=True)
class MatchedPoints:
    """M matches: points in units of the resolution, their normals, and rotations where the features have frames."""

    target: Array  # (M,3)
    source: Array  # (M,3)
    target_normals: Array  # (M,3)
    source_normals: Array  # (M,3)
    sided: bool  # whether the normals of both point to the sensor; else their sign is arbitrary
    rotations: Array | None  # (M,3,3) of source into target, from the frames of each match


def frame_rotations(target: NDArray[np.float32], source: NDArray[np.float32]) -> Array:
    """Rotations (M,3,3) that best take source frames to target frames (M,V,3): every match proposes a whole pose.

    Procrustes of the two features, as in PARE-Net (Yao et al., 2024).
    """
    return nearest_rotation(np.einsum("mvi,mvj->mij", target, source).astype(np.float64))


def compatible(matches: MatchedPoints) -> Compatible:
    """Whether matches are consistent (M,M), 0 or 1; not symmetric where the pose of one predicts the other."""
    target, source = (points.astype(np.float32) for points in (matches.target, matches.source))
    t_length, s_length = lengths(target), lengths(source)
    agree = np.abs(t_length - s_length) < LENGTH_TOLERANCE
    agree &= np.minimum(t_length, s_length) > INLIER_TOLERANCE  # nearer points are always consistent
    if matches.rotations is None:
        agree &= _normals_agree(matches, target, source, s_length)
    else:
        agree &= _rotations_agree(matches.rotations.astype(np.float32), target, source, t_length, s_length)
    as_weights: Compatible = agree.astype(np.float32)
    return as_weights


def lengths(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distances (M,M) between points (M,3)."""
    power = np.square(points).sum(axis=1)
    squared = power[:, None] + power[None, :] - 2.0 * points @ points.T
    distances: NDArray[np.float32] = np.sqrt(np.maximum(squared, 0.0, out=squared), out=squared)
    return distances


def _rotations_agree(
    rotations: NDArray[np.float32],
    target: NDArray[np.float32],
    source: NDArray[np.float32],
    t_length: NDArray[np.float32],
    s_length: NDArray[np.float32],
) -> NDArray[np.bool_]:
    flat = rotations.reshape(-1, 9)
    agree = flat @ flat.T > 1.0 + 2.0 * LEAST_ROTATION_AGREEMENT  # trace of R_i^T R_j is 1 + 2 cos
    # |(t_j - t_i) - R_i (s_j - s_i)|^2, written out so that it takes products of matrices only
    turned = np.einsum("mij,mj->mi", rotations, source)  # R_i s_i
    outer = (target[:, :, None] * source[:, None, :]).reshape(-1, 9)
    cross = flat @ outer.T - turned @ target.T
    own = (target[:, None, :] @ rotations)[:, 0]  # R_i^T t_i
    cross += (np.einsum("mi,mi->m", target, turned))[:, None] - own @ source.T
    squared = np.square(t_length) + np.square(s_length) - 2.0 * cross
    allowed = INLIER_TOLERANCE + LEVER_TOLERANCE * s_length
    agree &= squared < np.square(allowed)
    return agree


def _normals_agree(
    matches: MatchedPoints, target: NDArray[np.float32], source: NDArray[np.float32], s_length: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Whether the point pair features of every two matches are the same in both clouds, up to the sign of normals."""
    agree = np.ones(s_length.shape, bool)
    features = []
    for points, normals in ((target, matches.target_normals), (source, matches.source_normals)):
        directions = normals.astype(np.float32)
        height = directions @ points.T - np.einsum("mi,mi->m", directions, points)[:, None]
        features.append((directions @ directions.T, height))
    tolerance = INLIER_TOLERANCE + LEVER_TOLERANCE * s_length
    for k, bound in ((0, 0.4), (1, tolerance)):
        t, s = features[0][k], features[1][k]
        difference = np.abs(t - s) if matches.sided else np.abs(np.abs(t) - np.abs(s))
        close = difference < bound
        agree &= close if k == 0 else close & close.T
    return agree


def hypothesise(matches: MatchedPoints, weights: NDArray[np.floating]) -> tuple[Array, Array]:
    """Transforms (H,4,4), lengths in resolutions, and how many matches agree with each (H,), the most first.

    `weights` (M,) are the scores of the matches.
    """
    if len(weights) < FEWEST:
        return np.zeros((0, 4, 4)), np.zeros(0)
    agree = compatible(matches)
    weighted = agree * np.asarray(weights, np.float32)
    support = weighted.sum(axis=1)
    seeds = np.argsort(-support)[:SEEDS]
    seeds = seeds[support[seeds] > 0.0]
    # a match that is consistent with more of the seed's matches has more weight; the seed has the largest
    together = weighted[seeds]
    together *= together @ agree.T
    together[np.arange(len(seeds)), seeds] = together.max(axis=1)
    enough = (together > 0.0).sum(axis=1) >= FEWEST
    if matches.rotations is None:
        transforms = fitted(matches.target, matches.source, together[enough])
    else:
        transforms = poses_of(matches.rotations[seeds], matches.target[seeds], matches.source[seeds])
        transforms[enough] = fitted(matches.target, matches.source, together[enough])
    for reach in REFITS:
        near = residuals(transforms, matches) < reach
        enough = near.sum(axis=1) >= FEWEST
        transforms[enough] = fitted(matches.target, matches.source, near[enough] * weights)
    residual = residuals(transforms, matches)
    count = np.maximum(0.0, 1.0 - np.square(residual / (2.0 * INLIER_TOLERANCE))).sum(axis=1)
    return _different(transforms, count, matches.source)


def poses_of(rotations: Array, target: Array, source: Array) -> Array:
    """Transforms (S,4,4) that turn by the rotations (S,3,3) and take source (S,3) to target points (S,3)."""
    transforms = np.tile(np.eye(4), (len(rotations), 1, 1))
    transforms[:, :3, :3] = rotations
    transforms[:, :3, 3] = target - np.einsum("sij,sj->si", rotations, source)
    return transforms


def fitted(target: Array, source: Array, weights: NDArray[np.floating]) -> Array:
    """Transforms (S,4,4) that take source to target points (M,3) best under each row of weights (S,M)."""
    share = np.asarray(weights, np.float64)
    share = share / share.sum(axis=1, keepdims=True)
    t_mean, s_mean = share @ target, share @ source
    outer = (target[:, :, None] * source[:, None, :]).reshape(-1, 9)
    covariance = (share @ outer).reshape(-1, 3, 3) - t_mean[:, :, None] * s_mean[:, None, :]
    return poses_of(nearest_rotation(covariance), t_mean, s_mean)


def residuals(transforms: Array, matches: MatchedPoints) -> Array:
    """Distances (H,M) between target points and source points moved by each transform (H,4,4)."""
    moved = np.einsum("hij,mj->hmi", transforms[:, :3, :3], matches.source, optimize=True) + transforms[:, None, :3, 3]
    distance: Array = np.sqrt(np.square(moved - matches.target).sum(axis=2))
    return distance


def _different(transforms: Array, count: Array, source: Array) -> tuple[Array, Array]:
    """The best transforms, without those that are nearly the same as a better one."""
    sample = source[:: max(1, len(source) // 16)]
    moved = np.einsum("hij,mj->hmi", transforms[:, :3, :3], sample, optimize=True) + transforms[:, None, :3, 3]
    kept: list[int] = []
    for k in np.argsort(-count):
        if len(kept) == MOST_HYPOTHESES:
            break
        apart = np.linalg.norm(moved[kept] - moved[k], axis=2).mean(axis=1) if kept else np.zeros(0)
        if not (apart < SAME_PLACE).any():
            kept.append(int(k))
    return transforms[kept], count[kept]
