"""The true poses of the robot in a bag."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.datasets.rosbag.reader import StampedPoses, read_poses, topic_types
from isometry.geometry import se3

GROUND_TRUTH = "/ground_truth/pose"
"""The topic of true poses, unless another one is named."""
SIGMAS = 2.0


def read_truth(bag: Path, topic: str) -> StampedPoses | None:
    """The true poses on a topic; None when that is `GROUND_TRUTH` and the bag has none.

    Raises DatasetError when a topic of another name is missing or has no poses.
    """
    if topic == GROUND_TRUTH and topic not in topic_types(bag):
        return None
    return read_poses(bag, topic)


def pose_errors(T_estimated: Array, T_true: Array) -> tuple[Array, Array]:
    """Metres and degrees (N,) by which estimated poses (N,4,4) differ from true ones (N,4,4)."""
    T_true_estimated = se3.inverse(T_true) @ T_estimated
    metres = np.linalg.norm(T_true_estimated[:, :3, 3], axis=1)
    return np.asarray(metres), np.asarray(np.degrees(Rotation.from_matrix(T_true_estimated[:, :3, :3]).magnitude()))


def inside_two_sigma(errors: Array, covariances: Array) -> NDArray[np.float64]:
    """The share of errors (N,3) in metres within two deviations, by axis (3,); `covariances` (N,6,6) are of poses."""
    deviations = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2)[:, :3])
    return np.asarray((np.abs(errors) <= SIGMAS * deviations).mean(axis=0))
