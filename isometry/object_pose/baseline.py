"""The plain baseline, top to bottom: the poses of an object from rendered views, without anything learned.

mask, depth -> measured points, small crops of the image              crop.py, comparison.py
            -> 576 views, ranked by depth and silhouette              views.py
            -> ICP of the best, then depth and contour together       alignment.py, refinement.py
            -> those that explain depth and silhouette                verification.py
            -> with them their twins, by the symmetry of the shape    symmetry_group.py
            -> the modes, weighted by colour                          colour.py, modes.py
"""

from __future__ import annotations

import time

import numpy as np

from isometry.arrays import Array
from isometry.object_pose import calibration
from isometry.object_pose.comparison import Comparison, compare
from isometry.object_pose.crop import extent, measured_points
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.modes import Candidates, merged, weighted
from isometry.object_pose.types import ObjectPose, Observation, refusal
from isometry.object_pose.views import rank

POINTS, FEWEST_POINTS = 500, 30  # measured on the object
ALIGNED, KEPT = 64, 12  # poses after the ranking and after the first alignment
SMALLEST_SIZE, LARGEST_SIZE = 0.05, 1.6  # extent of the measured points, over the diameter
REFINED = 0.1  # difference to the best agreement below which a pose is refined
MOST_UNEXPLAINED = 0.1  # share of the mask, beyond which it shows more than this object
LEAST_AGREEMENT = 0.2  # of depth and silhouette, below which a pose explains nothing


class RenderedViewsEstimator:
    """Finds poses by comparison with rendered views."""

    name = "baseline"

    def estimate(self, observation: Observation, model: ObjectModel) -> ObjectPose:
        """The poses of the object that explain an observation, or the reason why there are none."""
        times = [time.perf_counter()]
        points = measured_points(observation, model.mesh.diameter, POINTS)
        if len(points) < FEWEST_POINTS:
            return refusal("no_depth")
        if not SMALLEST_SIZE < extent(points) / model.mesh.diameter < LARGEST_SIZE:
            return refusal("other_size")
        ranked = rank(model.views, model.mesh.centre, observation, points)
        times.append(time.perf_counter())
        comparison = compare(observation, model, points)
        candidates = _aligned(ranked.T_camera_object[:ALIGNED], comparison)
        times.append(time.perf_counter())
        if candidates.agreements.max() < LEAST_AGREEMENT:
            return refusal("no_hypothesis")
        result = weighted(candidates, comparison)
        times.append(time.perf_counter())
        best = result.modes[0]
        if comparison.unexplained(best.T_camera_object) > MOST_UNEXPLAINED:
            return refusal("several")
        information = comparison.information(best.T_camera_object)
        covariance = calibration.covariance(information, best.T_camera_object, best.axis, model)
        seconds = dict(zip(("rank", "align", "modes"), np.diff(times).tolist(), strict=True))
        return ObjectPose(
            result.modes, covariance, calibration.confidence(result.evidence), result.reason, result.evidence, seconds
        )


def _aligned(T_initial: Array, comparison: Comparison) -> Candidates:
    """Distinct poses after alignment, best first."""
    diameter = comparison.model.mesh.diameter
    # ICP can lead away from a good view of which much is hidden
    poses = np.concatenate([comparison.aligned_coarsely(T_initial), T_initial[:KEPT]])
    chosen = merged(poses, comparison.coarse_agreements(poses), diameter)[:KEPT]
    poses = comparison.aligned(poses[chosen])
    agreements = comparison.agreements(poses)
    distinct = merged(poses, agreements, diameter)
    near = distinct[agreements[distinct] > agreements.max() - REFINED]
    poses = comparison.refined(poses[near])
    agreements = comparison.agreements(poses)
    distinct = merged(poses, agreements, diameter)
    return Candidates(poses[distinct], agreements[distinct])
