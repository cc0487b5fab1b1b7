"""The data of place recognition: the observation of a place, a keyframe of the memory, and the match of a query."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array

Reason = Literal["ok", "empty_memory", "low_agreement", "ambiguous", "inconsistent_with_map", "unconfirmed_jump"]


@dataclass(frozen=True)
class Observation:
    """What the memory keeps of one scan. K keypoints, F fields, 8 orientations 45 degrees apart, M cloud points.

    Everything but `T_level_base` is in the level frame: its origin is the robot's base, its z axis is against gravity.
    """

    descriptor: NDArray[np.float32]  # (D,) unit norm, invariant to yaw
    keypoints: NDArray[np.float32]  # (K,2) metres, x-y in the level frame
    features: NDArray[np.int8]  # (K,8,F) oriented features; a turn by 45 degrees is a shift along axis 1
    image: NDArray[np.uint8]  # (S,S) bird's-eye image: occupied voxels above each cell
    cloud: NDArray[np.float32]  # (M,3) metres, thinned
    T_level_base: Array = field(default_factory=lambda: np.eye(4))  # identity without an IMU


@dataclass(frozen=True)
class Keyframe:
    """A place in the memory."""

    identifier: int  # position in the memory, counted from 0
    stamp_ns: int  # stamp of its scan
    T_map_base: Array  # (4,4)
    observation: Observation


@dataclass(frozen=True)
class PlaceMatch:
    """The result for one query, accepted or not. Keyframe, pose and covariance are None where `empty_memory`.

    Reasons, "ok" when accepted: "empty_memory": the memory has no keyframe that may be returned; "low_agreement": the
    confidence in the best pose is too low; "ambiguous": it is too low because of another place that agrees nearly as
    well, or because the scan looks the same when it is shifted. `PlaceMapper` adds "inconsistent_with_map": the pose
    graph refused the loop; "unconfirmed_jump": the next match has to confirm a pose this far from the last one.
    """

    accepted: bool
    reason: Reason
    keyframe: int | None = None  # identifier of the place
    T_keyframe_query: Array | None = None  # (4,4) of the base frames
    T_map_query: Array | None = None  # (4,4) of the base frame
    covariance: Array | None = None  # (6,6) x, y, z, roll, pitch, yaw in the keyframe's frame (ROS order)
    confidence: float = 0.0  # calibrated probability that the pose is right
    agreement: float = 0.0  # of the two bird's-eye images at the pose, 0 to 1
    supporting: int = 0  # feature matches that agree with the pose
    evidence: dict[str, float] = field(default_factory=dict)  # from which the confidence was computed, by name
    rival: int | None = None  # identifier of the best place elsewhere, if any was verified
    T_map_rival: Array | None = None  # (4,4) the query's base frame there
    position_estimate: Array | None = None  # (2,) x, y in the map by descriptor distances alone
    candidates: tuple[int, ...] = ()  # keyframes by descriptor alone, best first
    candidate_distances: tuple[float, ...] = ()  # their descriptor distances (L2 of unit vectors)
    seconds: dict[str, float] = field(default_factory=dict)  # duration of each stage: search, verify
