"""The true poses of the robot in a bag."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array, Flags, Integers
from isometry.datasets.rosbag.reader import StampedPoses, read_poses, topic_types
from isometry.geometry import se3

GROUND_TRUTH = "/ground_truth/pose"
"""The topic of true poses, unless another one is named."""


def read_truth(bag: Path, topic: str) -> StampedPoses | None:
    """The true poses on a topic; None when that is `GROUND_TRUTH` and the bag has none.

    Raises DatasetError when a topic of another name is missing or has no poses.
    """
    if topic == GROUND_TRUTH and topic not in topic_types(bag):
        return None
    return read_poses(bag, topic)


def true_poses(bag: Path, topic: str, stamps_ns: Integers, fewest: int) -> tuple[Flags, Array] | None:
    """Which of the stamps (A,) have a true pose, and these poses (J,4,4); None without truth or with fewer of them.

    Raises DatasetError when the true poses cannot be read.
    """
    truth = read_truth(bag, topic)
    if truth is None:
        return None
    known = truth.covers(stamps_ns)
    return (known, truth.at(stamps_ns[known])) if known.sum() >= fewest else None


def pose_errors(T_estimated: Array, T_true: Array) -> tuple[Array, Array]:
    """Metres and degrees (N,) by which estimated poses (N,4,4) differ from true ones (N,4,4)."""
    T_true_estimated = se3.inverse(T_true) @ T_estimated
    metres = np.linalg.norm(T_true_estimated[:, :3, 3], axis=1)
    return np.asarray(metres), np.asarray(np.degrees(Rotation.from_matrix(T_true_estimated[:, :3, :3]).magnitude()))
