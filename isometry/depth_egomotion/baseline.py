"""The plain method beside the pipeline: each cloud of the depth camera is aligned with that of the last keyframe.

GICP (Segal et al., RSS 2009) as small_gicp implements it, from the pose at constant velocity. Colour is not looked at.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import small_gicp

from isometry.arrays import Array
from isometry.depth_egomotion.frame import RectifiedFrame, rectified
from isometry.depth_egomotion.motion_prior import MotionPrior
from isometry.depth_egomotion.parameters import EgoMotionParameters
from isometry.depth_egomotion.pinhole import lifted
from isometry.depth_egomotion.types import CameraFrame, EgoMotionStep
from isometry.geometry import covariance, se3

VOXEL_M, REACH_M, NEIGHBOURS = 0.03, 0.10, 20
EVERY = 4  # pixels between readings that are used
LEAST_INLIERS = 0.6  # share of a cloud that lies on the keyframe's, below which the next keyframe begins
LOST_INLIERS = 0.3  # below which the motion is not believed
FEWEST_POINTS = 200
STEP = covariance.independent(0.005, 0.003)  # of a step, as nothing better is known


class GicpToKeyframe:
    """Follows a camera by its depth alone. It has no map: nothing is ever corrected."""

    name = "gicp"

    def __init__(self, parameters: EgoMotionParameters) -> None:
        self.parameters = parameters
        self.reset()

    def reset(self) -> None:
        """Start again: the next frame is the first."""
        self._poses: list[Array] = []
        self._prior = MotionPrior()
        self._keyframe: tuple[small_gicp.PointCloud, small_gicp.KdTree] | None = None
        self._T_odom_keyframe = np.eye(4)
        self._covariance = np.zeros((6, 6))
        self._stamp_ns: int | None = None

    def optimised(self) -> Sequence[Array]:
        """The poses as they were published."""
        return list(self._poses)

    def process(self, frame: CameraFrame, stamp_ns: int) -> EgoMotionStep:
        """One frame, newer than the one before. See `EgoMotion`."""
        began_s = time.perf_counter()
        if frame.depth is None:
            raise ValueError("there is no depth with the image: it takes the method `mono`")
        if self._stamp_ns is not None and stamp_ns <= self._stamp_ns:
            raise ValueError(f"a frame of stamp {stamp_ns} ns came after one of {self._stamp_ns} ns")
        seconds = 0.0 if self._stamp_ns is None else (stamp_ns - self._stamp_ns) * 1e-9
        points = _points(rectified(frame), self.parameters.max_depth)
        T_before = self._poses[-1] if self._poses else np.eye(4)
        T, share = T_before @ self._prior.predicted(seconds), 0.0
        enough = len(points) >= FEWEST_POINTS
        if enough:
            cloud, tree = small_gicp.preprocess_points(points, VOXEL_M, NEIGHBOURS, num_threads=self.parameters.threads)
            T_aligned, share = self._aligned(cloud, T)
            T = T_aligned if share >= LOST_INLIERS else T
        ok = share >= LOST_INLIERS or (self._keyframe is None and enough)
        became = enough and (self._keyframe is None or share < LEAST_INLIERS)
        if became:
            self._keyframe, self._T_odom_keyframe = (cloud, tree), T
        T_before_camera = se3.inverse(T_before) @ T
        if self._poses and ok:
            self._prior.measured(T_before_camera, seconds)
        elif self._poses:
            self._prior.fading()
        self._covariance = covariance.propagated(self._covariance, T_before_camera) + STEP * bool(self._poses)
        self._poses.append(T)
        self._stamp_ns = stamp_ns
        return EgoMotionStep(
            T,
            covariance.rotated(self._covariance, T[:3, :3]),
            T_before_camera,
            STEP,
            np.eye(4),
            "ok" if ok else "lost",
            "" if ok else f"{share:.0%} of the points lie on those of the keyframe",
            became,
            "",
            0.0,
            time.perf_counter() - began_s,
        )

    def _aligned(self, cloud: small_gicp.PointCloud, T_predicted: Array) -> tuple[Array, float]:
        """The pose (4,4) of a cloud, and the share of it that lies on the keyframe's."""
        if self._keyframe is None:
            return T_predicted, 0.0
        target, tree = self._keyframe
        result = small_gicp.align(
            target,
            cloud,
            tree,
            init_T_target_source=se3.inverse(self._T_odom_keyframe) @ T_predicted,
            max_correspondence_distance=REACH_M,
            num_threads=self.parameters.threads,
        )
        T_odom_camera = se3.orthonormal(self._T_odom_keyframe @ result.T_target_source)
        return T_odom_camera, result.num_inliers / cloud.size()


def _points(frame: RectifiedFrame, max_depth_m: float) -> Array:
    """Points (N,3) of a part of the readings, in the camera's frame."""
    assert frame.depth is not None
    depth = frame.depth[::EVERY, ::EVERY]
    v, u = np.nonzero((depth > 0.0) & (depth <= max_depth_m))
    return lifted(np.stack([u, v], axis=1) * float(EVERY), depth[v, u].astype(np.float64), frame.matrix)
