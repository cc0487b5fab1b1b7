"""Parameters of the motion of a camera."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter


@dataclass(frozen=True)
class EgoMotionParameters:
    """What a user may want to change."""

    max_depth: float = parameter(
        8.0, "metres; depth beyond it is not used, as its error grows with its square", 0.5, 100
    )
    camera_height: float = parameter(
        0.0,
        "metres of the camera over the ground it looks at, the scale where there is no depth; 0: not known",
        0.0,
        100,
    )
    loops: bool = parameter(True, "places seen before correct the map; the odometry never jumps")
    keyframes_kept: int = parameter(
        1000, "keyframes whose images are kept, half a megabyte each; the oldest are left out beyond it", 10, 100_000
    )
    threads: int = parameter(1, "threads of the alignment of points, and of a depth network", 1, 64)
