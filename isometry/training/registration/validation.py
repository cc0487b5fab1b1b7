"""Figures of a feature network of registration on pairs that are not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from isometry.training.registration.correspondences import Correspondences, example_of
from isometry.training.registration.losses import features_of
from isometry.training.registration.pairs import load_pair

NAMES = ("inlier_ratio", "coarse_inlier_ratio", "rotation_deg")
INLIER = 3.0  # resolutions


@torch.no_grad()
def validation_figures(network: nn.Module, files: Sequence[Path]) -> dict[str, float]:
    """Means over pairs of: the share of right ones among mutual nearest fine and coarse descriptors, and the median
    error in degrees of the rotation from the frames of one true match (if the network has frames)."""
    rows = []
    for path in files:
        example = example_of(load_pair(path))
        if example is None:
            continue
        target, source = features_of(network, example.target), features_of(network, example.source)
        true = example.true
        a, b = mutual_nearest(target[0], source[0])
        distance = (true.target_fine[a] - true.source_fine[b]).norm(dim=1)
        c, d = mutual_nearest(target[1], source[1])
        row = [float((distance < INLIER).float().mean()), float((true.overlap[c, d] > 0.0).float().mean())]
        if len(target) > 2:
            row.append(rotation_error_deg(target[2], source[2], true))
        rows.append(row)
    return dict(zip(NAMES, np.mean(rows, axis=0).tolist(), strict=False)) if rows else {}


def mutual_nearest(target: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of the descriptors (F,D) and (G,D) that are each other's nearest."""
    similarity = target @ source.T
    forth, back = similarity.argmax(dim=1), similarity.argmax(dim=0)
    rows = torch.arange(len(target))
    kept = back[forth] == rows
    return rows[kept], forth[kept]


def rotation_error_deg(target: Tensor, source: Tensor, true: Correspondences) -> float:
    """Median angle between the true rotation and those from aligning the frames (F,V,3), (G,V,3) of each true match."""
    products = torch.einsum("nvi,nvj->nij", target[true.fine[:, 0]], source[true.fine[:, 1]])
    u, _, vt = torch.linalg.svd(products.double())
    u = torch.cat([u[:, :, :2], u[:, :, 2:] * torch.linalg.det(u @ vt)[:, None, None]], dim=2)
    cosine = (torch.einsum("nij,ij->n", u @ vt, true.rotation.double()) - 1.0) / 2.0
    return float(torch.rad2deg(torch.arccos(cosine.clamp(-1.0, 1.0))).median())
