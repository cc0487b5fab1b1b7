"""Do two observations show one place, and where was the query in it?"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from isometry.place_recognition.feature_matching import propose
from isometry.place_recognition.image_alignment import BlurredImage, agreement, align, rough_agreement
from isometry.place_recognition.types import Observation


@dataclass(frozen=True)
class PlanarMatch:
    """The query's level frame in a keyframe's, and what speaks for it."""

    pose: NDArray[np.float64]  # (3,) x, y in metres, yaw in radians
    agreement: float  # of the images, 0 to 1
    supporting: int  # feature matches
    information: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))  # (3,3) on the pose, up to a scale


def verify(
    query: Observation, keyframe: Observation, query_image: BlurredImage, keyframe_image: BlurredImage, hypotheses: int
) -> PlanarMatch:
    """The best of the poses that feature matches propose, by the images' agreement; not yet aligned."""
    poses, supporting = propose(query, keyframe, hypotheses)
    rough = rough_agreement(poses, query_image, keyframe_image)
    best = int(rough.argmax())
    return PlanarMatch(poses[best], float(rough[best]), int(supporting[best]))


def aligned(match: PlanarMatch, query_image: BlurredImage, keyframe_image: BlurredImage) -> PlanarMatch:
    """The match moved to where the images agree best, with their symmetric agreement there."""
    pose, information = align(match.pose, query_image, keyframe_image)
    return PlanarMatch(pose, agreement(pose, query_image, keyframe_image), match.supporting, information)
