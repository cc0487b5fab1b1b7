"""Errors of depth: Eigen et al., "Depth map prediction from a single image" (2014)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Flags

SCALINGS = ("unscaled", "scaled")
CLOSE = 1.25  # ratio within which a depth counts as close


class DepthErrors(NamedTuple):
    """The errors of one frame, over the pixels whose depth was measured."""

    abs_rel: float  # mean of |found - true| / true
    rmse_m: float
    delta: float  # share within a ratio of 1.25


def depth_errors(found: NDArray[np.floating], true: NDArray[np.floating], scaled: bool) -> DepthErrors:
    """Errors of depths (N,) in metres, with `scaled` once the medians of both are made equal."""
    if scaled:
        found = found * (np.median(true) / np.median(found))
    ratio = np.maximum(found / true, true / found)
    return DepthErrors(
        float((np.abs(found - true) / true).mean()),
        float(np.sqrt(np.square(found - true).mean())),
        float((ratio < CLOSE).mean()),
    )


def angles_deg(found: NDArray[np.floating], true: NDArray[np.floating], counted: Flags) -> NDArray[np.floating]:
    """Angles (N,) in degrees between unit normals (H,W,3) at the pixels (H,W) that count."""
    cosine = (found[counted] * true[counted]).sum(axis=1)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
