"""The data of tracking: detections of one moment, tracks, and predicted paths."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import planar, se3
from isometry.geometry.boxes import moved

BOX = 7
"""Numbers of a box: x, y, z of its centre, length, width, height in metres, yaw of its length about z in radians."""


@dataclass(frozen=True)
class Detections:
    """Objects found at one moment, in a frame with z up. N of them."""

    boxes: Array  # (N,7) as `BOX` says
    scores: Array  # (N,) higher is more confident, on the scale of the detector
    labels: tuple[str, ...]  # (N,) class names
    velocities: Array | None = None  # (N,2) over ground, metres a second along x and y; NaN where not known
    velocity_covariances: Array | None = None  # (N,2,2) of them
    headings_known: bool = True  # False: yaw is that of any of the four sides, not of the front

    def __len__(self) -> int:
        return len(self.labels)

    def taken(self, index: NDArray[np.intp]) -> Detections:
        """Only some of the detections."""
        return replace(
            self,
            boxes=self.boxes[index],
            scores=self.scores[index],
            labels=tuple(self.labels[k] for k in index),
            velocities=None if self.velocities is None else self.velocities[index],
            velocity_covariances=None if self.velocity_covariances is None else self.velocity_covariances[index],
        )

    def in_frame(self, T_target_source: Array) -> Detections:
        """The detections in another frame with z up. Velocities remain over ground, along the axes of that frame."""
        R = planar.rotations(np.asarray(se3.yaw(T_target_source)))
        return replace(
            self,
            boxes=moved(T_target_source, self.boxes),
            velocities=None if self.velocities is None else self.velocities @ R.T,
            velocity_covariances=None if self.velocity_covariances is None else R @ self.velocity_covariances @ R.T,
        )


@dataclass(frozen=True)
class Track:
    """The estimate of one object at the stamp of the step, in the frame of the tracks."""

    id: int  # never given to another object
    label: str
    box: Array  # (7,) as `BOX` says; yaw is its direction of travel, once that is known
    velocity: Array  # (2,) over ground, metres a second along x and y
    yaw_rate: float  # radians a second
    covariance: Array  # (4,4) of x, y and the velocity
    confidence: float  # 0 to 1, that it is an object of its class
    motion: str  # name of its motion model
    hits: int  # detections it has had
    age_s: float  # since its first detection
    unseen_s: float  # since its last detection; 0: seen in this step
    score: float = float("nan")  # of its last detection, on the scale of the detector
    path: Array = field(default_factory=lambda: np.zeros((0, 2)))  # (K,2) metres, predicted, `PATH_STEP_S` apart
    path_covariances: Array = field(default_factory=lambda: np.zeros((0, 2, 2)))  # (K,2,2)


PATH_STEP_S, PATH_STEPS = 0.1, 30
"""Predicted paths: seconds from one position to the next, the first one that long ahead, and how many."""


@dataclass(frozen=True)
class TrackingStep:
    """The result of one scan or one list of detections."""

    tracks: tuple[Track, ...]  # all that are alive, the most confident first
    T_odom_base: Array  # (4,4) pose of the base, as given or as found
    rejected: tuple[str, ...] = ()  # one line for each reason why detections were not used
    restarted: bool = False  # time had jumped: all tracks before this step have ended
    ended: tuple[int, ...] = ()  # ids of the tracks that ended with this step
    detections: Detections | None = None  # that were used, in the frame of the tracks
    seconds: dict[str, float] = field(default_factory=dict)  # by stage
