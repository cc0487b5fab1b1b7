"""Ground truth of a pair of clouds: which points, and which patches, of the two pyramids show the same place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.features.pyramid import SPACINGS, Pyramid, build_pyramid
from isometry.training.registration.pairs import TrainingPair

MATCH_REACH = 0.75 * SPACINGS[0]  # resolutions within which two fine points show the same place
FEWEST_MATCHES = 24


@dataclass(frozen=True)
class Correspondences:
    """Correspondences between two pyramids of F and G fine, C and D coarse points, in units of the resolution."""

    fine: Tensor  # (M,2) rows of fine target and source points that show the same place
    target_fine: Tensor  # (F,3) fine target points in the source's pyramid
    source_fine: Tensor  # (G,3)
    overlap: Tensor  # (C,D) share, 0 to 1, of the fine points that coarse target and source points have in common
    rotation: Tensor  # (3,3) of the source's pyramid into the target's


@dataclass(frozen=True)
class Example:
    """A pair of pyramids with the correspondences between them."""

    target: Pyramid
    source: Pyramid
    true: Correspondences


def example_of(pair: TrainingPair) -> Example | None:
    """The pyramids of a pair with their correspondences; None when there are too few to learn from."""
    target, source = build_pyramid(pair.target), build_pyramid(pair.source)
    true = correspondences_of(target, source, pair.T_target_source)
    return None if true is None else Example(target, source, true)


def correspondences_of(target: Pyramid, source: Pyramid, T_target_source: Array) -> Correspondences | None:
    """The correspondences under a transform; None when there are too few to learn from."""
    moved = se3.apply(se3.inverse(T_target_source), target.metres(target.fine))
    target_fine = (moved - source.centre) / source.resolution
    matches = fine_matches(target_fine, source.fine.astype(np.float64), MATCH_REACH)
    if len(matches) < FEWEST_MATCHES:
        return None
    patches = [pyramid.coarse_above[pyramid.middle_above] for pyramid in (target, source)]
    shared = np.zeros((len(target.coarse), len(source.coarse)), np.float32)
    np.add.at(shared, (patches[0][matches[:, 0]], patches[1][matches[:, 1]]), 1.0)
    sizes = [
        np.bincount(patch, minlength=len(pyramid.coarse))
        for patch, pyramid in zip(patches, (target, source), strict=True)
    ]
    smaller = np.minimum(sizes[0][:, None], sizes[1][None, :])
    return Correspondences(
        torch.from_numpy(matches),
        torch.from_numpy(target_fine.astype(np.float32)),
        torch.from_numpy(source.fine),
        torch.from_numpy(shared / np.maximum(smaller, 1)).float(),
        torch.from_numpy(T_target_source[:3, :3].astype(np.float32)),
    )


def fine_matches(target: Array, source: Array, reach: float) -> NDArray[np.int64]:
    """Rows (M,2) of target (N,3) and source (K,3) points, in one frame, that are each other's nearest within reach."""
    distance, nearest = cKDTree(target).query(source, distance_upper_bound=reach)
    _, back = cKDTree(source).query(target, distance_upper_bound=reach)
    rows = np.flatnonzero(np.isfinite(distance))
    rows = rows[back[nearest[rows]] == rows]
    return np.column_stack([nearest[rows], rows])
