"""What can be said of a camera's motion, or of depth, without looking."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.depth_egomotion.depth_model import DepthEstimate
from isometry.evaluation.depth_egomotion.trajectories import known_steps, motions
from isometry.lidar_odometry.motion import moved, twist_of
from isometry.sensing.cameras import Camera

FIRST_STEPS = 5


def predictions(T_true: Array, stamps_s: Array) -> dict[str, Array]:
    """Paths (N,4,4) by the name of their predictor, in the frame of the first camera.

    "standing" never moves. "straight_on" goes where the camera looks, without a turn, at the mean speed of the first
    five steps; "constant_velocity" keeps their mean motion, turns and all. Both are told the true first steps: they
    know more than a method does. `T_true` (N,4,4) is NaN where it is not known, `stamps_s` (N,). Raises ValueError
    where no step is known.
    """
    ends = known_steps(T_true)[:FIRST_STEPS]
    if not len(ends):
        raise ValueError("no two neighbouring frames have a true pose")
    elapsed = stamps_s[ends] - stamps_s[ends - 1]
    twists = np.array([twist_of(T, seconds) for T, seconds in zip(motions(T_true, ends), elapsed, strict=True)])
    speed = float(np.linalg.norm(twists[:, :3], axis=1).mean())
    return {
        "standing": _at(np.zeros(6), stamps_s),
        "straight_on": _at(np.array([0.0, 0.0, speed, 0.0, 0.0, 0.0]), stamps_s),
        "constant_velocity": _at(twists.mean(axis=0), stamps_s),
    }


class ConstantDepth:
    """Predicts the same depth at every pixel: the rival of a network as a source of scale."""

    def __init__(self, depth_m: float) -> None:
        """Raises ValueError for a depth that is not above 0."""
        if not depth_m > 0.0:
            raise ValueError(f"a constant depth of {depth_m:g} m: it must be above 0")
        self.depth_m = depth_m
        self.name, self.sha256 = f"constant depth of {depth_m:g} m", "no network"

    def predict(self, colour: NDArray[np.uint8], camera: Camera) -> DepthEstimate:
        """Depth of an image (H,W,3) of a camera; its standard deviation is not known."""
        depth = np.full(camera.shape, self.depth_m, np.float32)
        facing = np.zeros((*camera.shape, 3), np.float32)
        facing[..., 2] = -1.0
        return DepthEstimate(depth, None, facing, normals_predicted=False)


def _at(twist: Array, stamps_s: Array) -> Array:
    """Poses (N,4,4) of a camera that has always the same velocity (6,) in its own frame: m/s, rad/s."""
    steps = [moved(twist, seconds) for seconds in np.diff(stamps_s)]
    return np.array(list(accumulate(steps, np.matmul, initial=np.eye(4))))
