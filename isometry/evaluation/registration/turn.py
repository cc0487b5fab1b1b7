"""Random turns of a cloud about its origin, to evaluate registration at any orientation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.datasets.scan_pair import ScanPair
from isometry.geometry import se3

TURNS = ("none", "yaw", "so3")


def random_turn(turn: str, random: np.random.Generator) -> Array:
    """T_turned_cloud (4,4): the identity for "none", a turn about z for "yaw", uniform over SO(3) for "so3".

    Raises ValueError for another name.
    """
    if turn == "none":
        return np.eye(4)
    if turn == "yaw":
        return se3.from_planar(0.0, 0.0, float(random.uniform(-np.pi, np.pi)))
    if turn == "so3":
        rotation = Rotation.from_quat(random.normal(size=4))  # uniform over the sphere of quaternions
        return se3.from_rotation_translation(rotation.as_matrix(), np.zeros(3))
    raise ValueError(f"there is no turn {turn!r}: it must be one of {', '.join(TURNS)}")


def source_turned(pair: ScanPair, T_turned_source: Array) -> ScanPair:
    """The pair with a turned source, viewpoint included."""
    viewpoint = pair.source_viewpoint
    return replace(
        pair,
        source=se3.apply(T_turned_source, pair.source.astype(np.float64)).astype(np.float32),
        T_target_source=pair.T_target_source @ se3.inverse(T_turned_source),
        source_viewpoint=None if viewpoint is None else se3.apply(T_turned_source, viewpoint[None])[0],
    )
