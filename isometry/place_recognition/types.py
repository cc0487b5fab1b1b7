"""What flows through place recognition: an observation of a place, and the answer to "where was this before?"."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Observation:
    """All that is remembered of one scan. K keypoints, F fields, 8 orientations 45 degrees apart, M cloud points.

    Everything but `T_level_base` is expressed in the level frame: origin at the robot's base, z against gravity.
    """

    descriptor: NDArray[np.float32]  # (D,) unit norm, invariant to yaw
    keypoints: NDArray[np.float32]  # (K,2) metres, x-y in the level frame
    features: NDArray[np.int8]  # (K,8,F) oriented features: turning by 45 degrees moves along axis 1
    image: NDArray[np.uint8]  # (S,S) bird's-eye image: occupied voxels above each cell
    cloud: NDArray[np.float32]  # (M,3) metres, thinned
    T_level_base: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))  # identity without an IMU


@dataclass(frozen=True)
class Keyframe:
    """A remembered place."""

    identifier: int  # position in the memory, counted from 0
    stamp_ns: int  # stamp of the scan that it was made of
    T_map_base: NDArray[np.float64]  # (4,4)
    observation: Observation


@dataclass(frozen=True)
class PlaceMatch:
    """The answer for one query. When not `accepted`, `reason` says why and pose fields may be None."""

    accepted: bool
    reason: str  # "ok", or why there is no match: "empty_memory", "no_candidate", "low_overlap", "ambiguous", ...
    keyframe: int | None = None  # identifier of the place
    T_keyframe_query: NDArray[np.float64] | None = None  # (4,4) query base frame to keyframe base frame
    T_map_query: NDArray[np.float64] | None = None  # (4,4)
    covariance: NDArray[np.float64] | None = None  # (6,6) x, y, z, roll, pitch, yaw in the keyframe frame (ROS order)
    confidence: float = 0.0  # calibrated probability that the pose is right
    agreement: float = 0.0  # of the two bird's-eye images at the pose, 0 to 1
    supporting: int = 0  # feature matches that proposed the pose
    position_estimate: NDArray[np.float64] | None = None  # (2,) x, y in the map from descriptor distances alone
    candidates: tuple[int, ...] = ()  # keyframes by descriptor alone, best first
    candidate_distances: tuple[float, ...] = ()  # their descriptor distances (L2 of unit vectors)
    seconds: dict[str, float] = field(default_factory=dict)  # time of each stage: search, verify
