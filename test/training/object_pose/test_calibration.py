"""Fits of the constants of object poses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from isometry.arrays import Array
from isometry.evaluation.object_pose.cases import BopCases
from isometry.object_pose import calibration
from isometry.object_pose.baseline import RenderedViewsEstimator
from isometry.object_pose.types import ObjectPose, PoseMode
from isometry.training.object_pose.calibration import (
    EstimatedPose,
    disturbed,
    estimated,
    fit_confidence,
    fit_variance_scale,
)

T = np.eye(4)
T[2, 3] = 0.7
TRUE_WEIGHTS = {"silhouette": 8.0, "margin": 20.0, "offset": -6.0}


def drawn(random: np.random.Generator, scale: float) -> EstimatedPose:
    """A pose whose confidence follows from true weights, and whose errors from a true scale of the variances."""
    evidence = {
        "silhouette": float(random.uniform(0.5, 1.0)),
        "margin": float(random.uniform(0.0, 0.1)),
        "alike": float(random.choice([0.5, 1.0])),
    }
    score = TRUE_WEIGHTS["offset"] + sum(TRUE_WEIGHTS[name] * evidence[name] for name in calibration.SIGNS)
    right = bool(random.random() < expit(score) * evidence["alike"])
    variances = random.uniform(1e-6, 1e-4, 6)
    floor = np.full(6, 1e-6)
    error: Array = random.normal(0.0, np.sqrt(scale * variances + floor))
    covariance = calibration.VARIANCE_SCALE * np.diag(variances) + np.diag(floor)
    return EstimatedPose(ObjectPose((PoseMode(T, 1.0),), covariance, 0.5, "ok", evidence), error, floor, right)


def test_true_weights_and_the_true_scale_are_found() -> None:
    random = np.random.default_rng(0)
    poses = [drawn(random, 3.0) for _ in range(4000)]
    fitted = fit_confidence(poses)
    assert fitted.keys() == TRUE_WEIGHTS.keys()
    assert fitted["silhouette"] == pytest.approx(8.0, rel=0.25)
    assert fitted["margin"] == pytest.approx(20.0, rel=0.25)
    assert fit_variance_scale(poses) == pytest.approx(3.0, rel=0.1)


def test_masks_are_off_at_their_border_alone() -> None:
    mask = np.zeros((120, 160), bool)
    mask[30:90, 40:120] = True
    random = np.random.default_rng(1)
    for _ in range(5):
        other = disturbed(mask, random)
        assert 0 < (other ^ mask).sum() < 0.25 * mask.sum()
        assert other[40:80, 50:110].all()
        assert not other[:20].any()


@pytest.mark.slow
def test_poses_of_a_data_set_are_judged(simulated_bop: Path) -> None:
    cases = BopCases(simulated_bop)
    models = {number: each.model for number, each in cases.objects.items()}
    poses = list(estimated(cases, models, RenderedViewsEstimator(), seed=0))
    assert 2 <= len(poses) <= 4
    assert {name for pose in poses for name in pose.answer.evidence} >= {"alike", *calibration.SIGNS}
    for pose in poses:
        near = np.linalg.norm(pose.error[:3]) < 0.02 and np.linalg.norm(pose.error[3:]) < np.radians(10.0)
        assert not pose.right or near
    assert any(pose.right for pose in poses)


def test_poses_that_are_all_right_teach_nothing() -> None:
    random = np.random.default_rng(0)
    right = [drawn(random, 1.0)._replace(right=True) for _ in range(10)]
    with pytest.raises(ValueError, match="10 poses, and not both right and wrong ones"):
        fit_confidence(right)
    with pytest.raises(ValueError, match="no pose is right and without a rival"):
        fit_variance_scale([each._replace(right=False) for each in right])
