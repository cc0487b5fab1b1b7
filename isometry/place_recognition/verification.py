"""Whether two observations show one place, and the planar pose of the query in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from isometry.arrays import Array
from isometry.place_recognition.feature_matching import FeatureMatches
from isometry.place_recognition.image_alignment import BlurredImage, agreement, align, rough_agreement
from isometry.place_recognition.types import Observation


@dataclass(frozen=True)
class PlanarMatch:
    """The pose of the query's level frame in a keyframe's, and the evidence for it."""

    pose: Array  # (3,) x, y in metres, yaw in radians
    agreement: float  # of the images, 0 to 1
    supporting: int  # feature matches that agree with the pose
    information: Array = field(default_factory=lambda: np.eye(3))  # (3,3) of the pose, up to a scale


def verify(
    query: Observation, keyframe: Observation, query_image: BlurredImage, keyframe_image: BlurredImage, hypotheses: int
) -> PlanarMatch:
    """The pose that feature matches propose at which the images agree best; not aligned."""
    poses, supporting = FeatureMatches(query, keyframe).propose(hypotheses)
    rough = rough_agreement(poses, query_image, keyframe_image)
    best = int(rough.argmax())
    return PlanarMatch(poses[best], float(rough[best]), int(supporting[best]))


def aligned(match: PlanarMatch, query_image: BlurredImage, keyframe_image: BlurredImage) -> PlanarMatch:
    """The match after the alignment of the images, with their symmetric agreement."""
    pose, information = align(match.pose, query_image, keyframe_image)
    return PlanarMatch(pose, agreement(pose, query_image, keyframe_image), match.supporting, information)
