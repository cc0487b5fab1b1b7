"""Where an image was taken in a map of keyframes, by that image alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.depth_egomotion.frame import rectified
from isometry.depth_egomotion.keyframe import Observed
from isometry.depth_egomotion.keyframe_map import KeyframeMap
from isometry.depth_egomotion.types import CameraFrame
from isometry.geometry import covariance


@dataclass(frozen=True, eq=False)
class Relocalised:
    """The answer for one image."""

    T_map_camera: Array  # (4,4) of the colour camera; the identity where nothing was found
    covariance: Array  # (6,6) along the axes of the map
    accepted: bool
    reason: str  # why it is not accepted
    support: int  # corners of the keyframe that agree


def locate(keyframes: KeyframeMap, frame: CameraFrame, max_depth_m: float = 8.0) -> Relocalised:
    """Where a frame with depth was taken.

    Raises ValueError for images that do not fit to their cameras, and for a frame without depth.
    """
    if frame.depth is None:
        raise ValueError("an image is found in a map by its colour and its depth: there is no depth")
    located = keyframes.locate(Observed(rectified(frame), 0, max_depth_m), first_part=True)
    if located is None:
        nothing = "no keyframe shows the same place for sure"
        return Relocalised(np.eye(4), covariance.independent(np.inf, np.inf), False, nothing, 0)
    reason = ""
    if located.rival is not None:
        x, y, z = located.rival[:3, 3]
        reason = f"another place looks like it, at {x:.2f}, {y:.2f}, {z:.2f} m"
    errs = covariance.rotated(located.covariance, located.T_map_camera[:3, :3])
    return Relocalised(located.T_map_camera, errs, not reason, reason, located.support)
