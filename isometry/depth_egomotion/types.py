"""What goes into the estimation of a camera's motion, and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.sensing.cameras import Camera

STATES = ("ok", "unconstrained", "unmapped", "lost", "frozen", "bad_input")
"""`unconstrained`: nothing seen holds the motion in some direction, where it is a prediction; `lost`: all of it is one;
`unmapped`: the motion is seen, and the place in the map not known since a loss;
`frozen`: the image is the one before, bit by bit; `bad_input`: nothing can be seen in it."""


@dataclass(frozen=True, eq=False)
class CameraFrame:
    """The images of one moment as the drivers give them: lenses may distort, depth may be of a camera of its own."""

    colour: NDArray[np.uint8]  # (H,W,3) red, green, blue; a grey image has three equal channels
    camera: Camera  # of the colour
    depth: Array | None = None  # (h,w) metres along the optical axis, 0 where nothing was measured
    depth_camera: Camera | None = None  # None: the depth is registered to the colour already
    T_colour_depth: Array = field(default_factory=lambda: np.eye(4))  # (4,4)
    depth_delay_s: float = 0.0  # from the stamp of the colour to that of the depth
    speed_mps: float | None = None  # of the camera at the stamp, by wheels or another odometry; None: not known
    speed_sigma_mps: float = 0.0  # standard deviation of it


@dataclass(frozen=True, eq=False)
class EgoMotionStep:
    """The result of one frame. Poses are of the colour camera: x right, y down, z forward.

    The odometry's frame is the camera at the first frame. A pose in it never jumps: what is found to be wrong later,
    by a loop or after a loss, moves `T_map_odom` alone.
    """

    T_odom_camera: Array  # (4,4) metres
    covariance: Array  # (6,6) x, y, z, roll, pitch, yaw in the odometry's frame, metres and radians: since the start
    T_before_camera: Array  # (4,4) the motion since the last frame
    motion_covariance: Array  # (6,6) of it, along the axes of the camera now
    T_map_odom: Array  # (4,4)
    state: str  # one of STATES
    reason: str  # why it is not ok, in words; empty where it is
    keyframe: bool  # whether the frame became a keyframe
    corrected: str  # "loop" or "found again" where `T_map_odom` changed with this frame; else empty
    scale_sigma: float  # relative standard deviation of the scale of all translations; 0 where depth is measured
    seconds: float  # wall time

    @property
    def T_map_camera(self) -> Array:
        """The pose (4,4) in the map, by what is known at this frame."""
        return np.asarray(self.T_map_odom @ self.T_odom_camera)


class EgoMotion(Protocol):
    """A method that follows a camera from frame to frame."""

    name: str

    def process(self, frame: CameraFrame, stamp_ns: int) -> EgoMotionStep:
        """One frame, newer than the one before.

        Raises ValueError, in one line, for images that do not fit to their cameras or to one another; nothing has
        changed then.
        """
        ...

    def optimised(self) -> Sequence[Array]:
        """T_map_camera (4,4) of each frame so far, by all that is known now."""
        ...

    def reset(self) -> None:
        """Start again: the next frame is the first."""
        ...
