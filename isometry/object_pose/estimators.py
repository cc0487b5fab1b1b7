"""Which estimator finds which object."""

from __future__ import annotations

from isometry.object_pose.baseline import RenderedViewsEstimator
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.standing import StandingEstimator
from isometry.object_pose.types import ObjectPose, Observation


class EstimatorOfEach:
    """Objects that stand in a known way are found by their outlines, all others by comparison with rendered views."""

    name = "baseline, standing"

    def __init__(self) -> None:
        self._seen, self._standing = RenderedViewsEstimator(), StandingEstimator()

    def estimate(self, observation: Observation, model: ObjectModel) -> ObjectPose:
        """The poses of the object that explain an observation, or the reason why there are none."""
        estimator = self._seen if model.upright is None else self._standing
        return estimator.estimate(observation, model)
