"""Features that are found again from other sides: SIFT (Lowe, IJCV 2004), with the depth at each."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.depth_egomotion.alignment import NO_CORNERS, Corners
from isometry.depth_egomotion.frame import RectifiedFrame
from isometry.depth_egomotion.pinhole import depth_at, lifted
from isometry.geometry import se3

FEATURES = 700
CONTRAST = 0.02
DISTINCT = 0.8  # of the distance to the second best match, below which the best one counts (Lowe's ratio)
PIXELS = 4.0  # by which a match may miss the pose
TRIALS = 300  # of RANSAC
FEWEST = 6  # matches for a pose


class Features(NamedTuple):
    """Of one image."""

    pixels: NDArray[np.float32]  # (N,2)
    points: Array  # (N,3) metres in the camera's frame; NaN where the depth is not known
    descriptors: NDArray[np.float32]  # (N,128)


def features_of(frame: RectifiedFrame, max_depth_m: float) -> Features:
    """The features of a frame."""
    keypoints, descriptors = cv2.SIFT.create(FEATURES, contrastThreshold=CONTRAST).detectAndCompute(frame.grey, None)
    if not keypoints:
        return Features(np.zeros((0, 2), np.float32), np.zeros((0, 3)), np.zeros((0, 128), np.float32))
    pixels = np.array([keypoint.pt for keypoint in keypoints], np.float32)
    depth = np.zeros(len(pixels)) if frame.depth is None else depth_at(frame.depth, pixels)
    points = lifted(pixels, np.where((depth > 0.0) & (depth < max_depth_m), depth, np.nan), frame.matrix)
    return Features(pixels, points, np.sqrt(descriptors / descriptors.sum(axis=1, keepdims=True).clip(1e-9)))


def matched(reference: Features, features: Features) -> Corners:
    """Points of a reference, of known depth, and the pixels of the features that look the same."""
    known = np.isfinite(reference.points[:, 2])
    if known.sum() < 2 or not len(features.pixels):
        return NO_CORNERS
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(features.descriptors, reference.descriptors[known], k=2)
    good = [best for best, second in pairs if best.distance < DISTINCT * second.distance]
    here, there = [match.queryIdx for match in good], [match.trainIdx for match in good]
    return Corners(reference.points[known][there], features.pixels[here].astype(np.float64))


def pose_of(corners: Corners, matrix: Array, pixels: float = PIXELS) -> tuple[Array, Corners] | None:
    """T_reference_camera (4,4) of most of the corners, and these; None where too few agree.

    Perspective-n-point (SQPnP, Terzakis and Lourakis, ECCV 2020) in RANSAC.
    """
    if len(corners.points) < FEWEST:
        return None
    try:
        found, rotation, translation, inliers = cv2.solvePnPRansac(
            corners.points,
            corners.pixels,
            matrix,
            None,
            iterationsCount=TRIALS,
            reprojectionError=pixels,
            confidence=0.999,
            flags=cv2.SOLVEPNP_SQPNP,
        )
    except cv2.error:  # points that are all on one line
        return None
    if not found or inliers is None or len(inliers) < FEWEST:
        return None
    T_camera_reference = se3.from_rotation_translation(
        np.asarray(cv2.Rodrigues(rotation)[0], np.float64), np.asarray(translation, np.float64)[:, 0]
    )
    return se3.inverse(T_camera_reference), corners.chosen(np.asarray(inliers, np.int64)[:, 0])
