"""Turns of a cloud about its own origin, by which registration is tried at any orientation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.datasets.scan_pair import ScanPair
from isometry.geometry import se3

TURNS = ("none", "yaw", "so3")


def random_turn(kind: str, random: np.random.Generator) -> Array:
    """T_turned_cloud (4,4): no turn for "none", one about z for "yaw", any orientation alike for "so3".

    Raises ValueError for another kind.
    """
    if kind == "none":
        return np.eye(4)
    if kind == "yaw":
        return se3.from_planar(0.0, 0.0, float(random.uniform(-np.pi, np.pi)))
    if kind == "so3":
        rotation = Rotation.from_quat(random.normal(size=4))  # evenly over the sphere of quaternions
        return se3.from_rotation_translation(rotation.as_matrix(), np.zeros(3))
    raise ValueError(f"there is no turn {kind!r}: it must be one of {', '.join(TURNS)}")


def source_turned(pair: ScanPair, T_turned_source: Array) -> ScanPair:
    """The pair with its source, and where that was seen from, turned; the target stays."""
    viewpoint = pair.source_viewpoint
    return replace(
        pair,
        source=se3.apply(T_turned_source, pair.source.astype(np.float64)).astype(np.float32),
        T_target_source=pair.T_target_source @ se3.inverse(T_turned_source),
        source_viewpoint=None if viewpoint is None else se3.apply(T_turned_source, viewpoint[None])[0],
    )
