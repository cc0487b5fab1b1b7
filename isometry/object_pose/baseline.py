"""The plain baseline, top to bottom: the poses of an object from rendered views, without anything learned.

mask, depth -> measured points, a small crop of the image            crop.py
            -> 576 views, ranked by depth and silhouette              views.py
            -> ICP of the best                                        alignment.py
            -> those that explain depth and silhouette                verification.py
            -> with them their twins, by the symmetry of the shape    symmetry_group.py
            -> the modes, weighted by colour                          colour.py, modes.py
"""

from __future__ import annotations

import time

import numpy as np

from isometry.arrays import Array
from isometry.object_pose.alignment import align, information
from isometry.object_pose.crop import crop_around, measured_points
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.modes import Candidates, merged, weighted
from isometry.object_pose.types import ObjectPose, Observation, refusal
from isometry.object_pose.verification import verify
from isometry.object_pose.views import rank

FEWEST_POINTS = 30
POINTS = (200, 500)  # measured ones in the first and in the last alignment
COARSE_SIZE, FINE_SIZE = 40, 96  # pixels of a side of the crop
ALIGNED, KEPT = 64, 16  # poses after the ranking and after the first alignment
SMALLEST_SIZE, LARGEST_SIZE = 0.05, 1.6  # extent of the measured points, over the diameter
COARSE_REACHES = [0.2, 0.15, 0.12, 0.1, 0.08, 0.06]  # of the diameter, for each step of ICP
FINE_REACHES = [0.05, 0.05, 0.04, 0.04, 0.03, 0.03, 0.03, 0.02, 0.02, 0.02]
COARSE_TOLERANCE, TOLERANCE = 0.08, 0.04  # of the depth, over the diameter
LEAST_TOLERANCE_M = 0.006
LEAST_AGREEMENT = 0.25  # of depth and silhouette, below which a pose explains nothing
NOISE_M = 0.003  # of the depth


class RenderedViewsEstimator:
    """Finds poses by comparison with rendered views."""

    name = "baseline"

    def estimate(self, observation: Observation, model: ObjectModel) -> ObjectPose:
        """The poses of the object that explain an observation, or the reason why there are none."""
        began = time.perf_counter()
        diameter = model.mesh.diameter
        points = measured_points(observation, diameter, POINTS[1])
        if len(points) < FEWEST_POINTS:
            return refusal("no_depth")
        if not SMALLEST_SIZE < _extent(points) / diameter < LARGEST_SIZE:
            return refusal("other_size")
        ranked = rank(model.views, model.mesh.centre, observation, points)
        ranked_at = time.perf_counter()
        candidates = self._aligned(ranked.T_camera_object[:ALIGNED], observation, points, model)
        aligned_at = time.perf_counter()
        if candidates.agreements.max() < LEAST_AGREEMENT:
            return refusal("no_hypothesis")
        result = weighted(candidates, crop_around(observation, FINE_SIZE), model)
        best = result.modes[0]
        covariance = _covariance(best.T_camera_object, best.axis, points, model)
        seconds = {
            "rank": ranked_at - began,
            "align": aligned_at - ranked_at,
            "modes": time.perf_counter() - aligned_at,
        }
        return ObjectPose(result.modes, covariance, result.confidence, result.reason, result.evidence, seconds)

    def _aligned(self, T_initial: Array, observation: Observation, points: Array, model: ObjectModel) -> Candidates:
        """The poses after alignment, those that are one merged, best first."""
        diameter = model.mesh.diameter
        coarse, fine = crop_around(observation, COARSE_SIZE), crop_around(observation, FINE_SIZE)
        poses = align(T_initial, points[: POINTS[0]], model, [reach * diameter for reach in COARSE_REACHES])
        poses = np.concatenate([poses, T_initial[:KEPT]])
        first = verify(poses, coarse, model.renderer, max(COARSE_TOLERANCE * diameter, LEAST_TOLERANCE_M)).total
        chosen = merged(poses, first, model.mesh.diameter)[:KEPT]
        poses = align(poses[chosen], points, model, [reach * diameter for reach in FINE_REACHES])
        agreements = verify(poses, fine, model.renderer, max(TOLERANCE * diameter, LEAST_TOLERANCE_M)).total
        distinct = merged(poses, agreements, model.mesh.diameter)
        return Candidates(poses[distinct], agreements[distinct])


def _extent(points: Array) -> float:
    """Twice the distance in metres of nearly all points from their median."""
    return 2.0 * float(np.percentile(np.linalg.norm(points - np.median(points, axis=0), axis=1), 90))


def _covariance(T_camera_object: Array, axis: Array | None, points: Array, model: ObjectModel) -> Array:
    """Covariance (6,6) of a pose; about a free axis the turn is unknown."""
    matrix = information(T_camera_object, points, model, NOISE_M) + np.diag([1.0] * 3 + [1.0 / np.pi**2] * 3)
    covariance = np.linalg.inv(matrix)
    if axis is not None:
        direction = np.concatenate([np.zeros(3), T_camera_object[:3, :3] @ axis])
        covariance += (np.pi**2 / 3.0) * np.outer(direction, direction)
    return np.asarray(covariance)
