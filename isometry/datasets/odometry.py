"""Odometry with drift, simulated from true poses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3


@dataclass(frozen=True)
class OdometryDrift:
    """Errors of odometry: a bias of random sign, and a random walk whose standard deviation after `walk_m` is the same.

    A random walk that reaches 3 % of 100 m has erred by 30 % of its first metre.
    """

    translation: float = 0.01  # of the distance travelled
    rotation_deg_per_100_m: float = 1.0
    seed: int = 0
    walk_m: float = 100.0


def drifting_odometry(poses: Array, drift: OdometryDrift | None = None) -> Array:
    """T_odom_base (N,4,4) from T_world_base (N,4,4); the odom frame is the first base. Without `drift` it is exact.

    The error of each step stretches its translation and adds a turn about the z axis of the base.
    """
    steps = se3.inverse(poses[:-1]) @ poses[1:]
    # Poses from files have few digits; without this the errors of their rotations would grow along the chain
    steps[:, :3, :3] = Rotation.from_matrix(steps[:, :3, :3]).as_matrix()
    if drift is not None:
        random = np.random.default_rng(drift.seed)
        length = np.linalg.norm(steps[:, :3, 3], axis=1)
        walk = length / drift.walk_m
        stretch = drift.translation * drift.walk_m * _error(walk, random)
        turn = np.radians(drift.rotation_deg_per_100_m) * drift.walk_m / 100.0 * _error(walk, random)
        for step, extra, angle in zip(steps, stretch, turn, strict=True):
            direction = step[:3, 3] / max(float(np.linalg.norm(step[:3, 3])), 1e-9)
            step[:3, 3] += extra * direction
            step[:3, :3] = step[:3, :3] @ se3.from_planar(0.0, 0.0, angle)[:3, :3]
    odometry = np.empty_like(poses)
    odometry[0] = np.eye(4)
    for k, step in enumerate(steps):
        odometry[k + 1] = odometry[k] @ step
    return odometry


def _error(length: Array, random: np.random.Generator) -> Array:
    """Error (S,) of each of S steps with lengths (S,), both in units of those of the whole walk."""
    bias = random.choice([-1.0, 1.0]) * length
    return np.asarray(bias + random.normal(0.0, np.sqrt(length)))
