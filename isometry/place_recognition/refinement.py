"""The last step of the pose: small_gicp on the two clouds, from the planar pose on."""

from __future__ import annotations

import numpy as np
import small_gicp
from numpy.typing import NDArray

from isometry.geometry import se3
from isometry.place_recognition.parameters import PlaceRecognitionParameters
from isometry.place_recognition.types import Observation

Array = NDArray[np.float64]
CORRESPONDENCE_METRES = 1.5
NEIGHBOURS = 10  # of a point, for its plane
# Registration corrects a pose that was verified; where it walks away from it, the clouds do not hold the pose
FURTHEST_METRES, FURTHEST_RADIANS = 1.0, np.deg2rad(4.0)


def refine(query: Observation, keyframe: Observation, T_start: Array, parameters: PlaceRecognitionParameters) -> Array:
    """The query's level frame in the keyframe's (4,4) by GICP from `T_start`, or `T_start` where GICP has no answer.

    Source: Segal, Haehnel and Thrun, Generalized-ICP (2009), as small_gicp implements it.
    """
    target, tree = _prepared(keyframe.cloud, parameters)
    source, _ = _prepared(query.cloud, parameters)
    result = small_gicp.align(
        target,
        source,
        tree,
        T_start,
        registration_type="GICP",
        max_correspondence_distance=CORRESPONDENCE_METRES,
        num_threads=parameters.threads,
        max_iterations=15,
    )
    T_refined: Array = np.asarray(result.T_target_source)
    moved = se3.inverse(T_start) @ T_refined
    stayed = np.linalg.norm(moved[:3, 3]) < FURTHEST_METRES and se3.rotation_angle(moved) < FURTHEST_RADIANS
    return T_refined if stayed else T_start


def _prepared(
    cloud: NDArray[np.float32], parameters: PlaceRecognitionParameters
) -> tuple[small_gicp.PointCloud, small_gicp.KdTree]:
    points = small_gicp.PointCloud(cloud.astype(np.float64))
    tree = small_gicp.KdTree(points, num_threads=parameters.threads)
    small_gicp.estimate_covariances(points, tree, num_neighbors=NEIGHBOURS, num_threads=parameters.threads)
    return points, tree
