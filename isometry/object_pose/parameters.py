"""Parameters of finding objects in images."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter


@dataclass(frozen=True)
class ObjectPoseParameters:
    """What a user may want to change."""

    least_confidence: float = parameter(0.0, "poses with less confidence are refused as low_confidence", 0.0, 1.0)
    fewest_pixels: int = parameter(60, "pixels of an object; detections with fewer are refused", 10, 100_000)
    most_detections: int = parameter(
        50, "detections used of one image: those with the highest scores, or the largest labels", 1, 1000
    )
    time_limit: float = parameter(
        5.0,
        "seconds for one image; detections left over are out_of_time and come first in the next image, and a search "
        "without a detector goes on there",
        0.05,
        600.0,
    )
    follow: bool = parameter(True, "objects are followed from image to image; else each image is taken alone")
    estimate_again_after: float = parameter(
        1.0, "seconds after which the pose of an object with several possible ones is estimated again", 0.0, 600.0
    )
    search_every: float = parameter(
        30.0,
        "seconds after which objects are looked for again while some are followed, where no detector finds them",
        0.0,
        3600.0,
    )
    forget_after: float = parameter(
        5.0,
        "seconds after which an object that no detection shows is forgotten; its number is free then",
        0.1,
        600.0,
    )
