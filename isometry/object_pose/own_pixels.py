"""The pixels of an object by its pose, and its pose by these, in turn: where a detector gives a box or nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from isometry.arrays import Array, Flags
from isometry.object_pose.comparison import depth_tolerance
from isometry.object_pose.masks import bounds
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.rendering import Window, rays_through
from isometry.object_pose.types import ObjectPose, Observation, PoseEstimator

GROWN = 3  # times that the pixels are taken by the pose, and the pose by the pixels
SAME_PIXELS = 0.93  # share of two sets of pixels that both have
NEAR = 0.03  # of the diameter, from the model's depth


def estimated(observation: Observation, model: ObjectModel, estimator: PoseEstimator) -> ObjectPose:
    """The poses of an object; where its mask is not exact, they tell its pixels, and these its poses anew."""
    pose = estimator.estimate(observation, model)
    return pose if observation.exact else with_own_pixels(observation, pose, model, estimator)[1]


def with_own_pixels(
    observation: Observation, pose: ObjectPose, model: ObjectModel, estimator: PoseEstimator
) -> tuple[Observation, ObjectPose]:
    """The observation with the object's own pixels, and its pose by these; as they were, where these give none."""
    for _ in range(GROWN):
        T = pose.T_camera_object
        own = np.zeros_like(observation.mask) if T is None else own_pixels(observation, T, model)
        if not own.any() or (observation.mask & own).sum() > SAME_PIXELS * (observation.mask | own).sum():
            break
        seen = replace(observation, mask=own)
        by_own = estimator.estimate(seen, model)
        if not by_own.modes:
            break
        observation, pose = seen, by_own
    return observation, pose


def own_pixels(observation: Observation, T_camera_object: Array, model: ObjectModel) -> Flags:
    """The pixels (H,W) in which an object at a pose (4,4) is seen, as far as its depth is measured there or nothing."""
    outermost = bounds(observation.mask)
    if outermost is None:
        return np.zeros_like(observation.mask)
    around = int(np.ceil(observation.camera[0, 0] * model.mesh.diameter / max(T_camera_object[2, 3], 0.1)))
    top, left = max(outermost.top - around, 0), max(outermost.left - around, 0)
    bottom, right = outermost.bottom + around + 1, outermost.right + around + 1
    depth = observation.depth[top:bottom, left:right]
    window = Window(float(left), float(top), depth.shape[1], depth.shape[0], 1.0)
    modelled = model.renderer.depth(T_camera_object, rays_through(observation.camera, window.pixels()))
    modelled = modelled.reshape(depth.shape)
    tolerance = 2.0 * depth_tolerance(modelled) + NEAR * model.mesh.diameter
    own = np.zeros_like(observation.mask)
    own[top:bottom, left:right] = (modelled > 0.0) & (~(depth > 0.0) | (np.abs(depth - modelled) < tolerance))
    return own
