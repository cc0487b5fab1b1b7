from __future__ import annotations

import numpy as np
import pytest

from isometry.datasets.odometry import OdometryDrift, drifting_odometry
from isometry.geometry import se3


def straight_drive(metres: int) -> np.ndarray:
    return np.array([se3.from_planar(5.0, float(y), np.pi / 2) for y in range(metres + 1)])


def test_without_drift_it_is_the_truth_seen_from_the_first_base() -> None:
    odometry = drifting_odometry(straight_drive(30))
    np.testing.assert_allclose(odometry[-1], se3.from_planar(30.0, 0.0, 0.0), atol=1e-12)


def test_errors_are_of_the_stated_size_over_many_seeds() -> None:
    poses = straight_drive(100)
    drifts = [OdometryDrift(translation=0.01, rotation_deg_per_100_m=1.0, seed=seed) for seed in range(200)]
    ends = np.array([drifting_odometry(poses, drift)[-1] for drift in drifts])
    turned = np.degrees(np.arctan2(ends[:, 1, 0], ends[:, 0, 0]))
    # a bias of 1 degree of either sign and a walk of standard deviation 1 degree
    assert np.sqrt(np.mean(turned**2)) == pytest.approx(np.sqrt(2.0), rel=0.15)
    length = [np.sum(np.linalg.norm(np.diff(drifting_odometry(poses, d)[:, :3, 3], axis=0), axis=1)) for d in drifts]
    assert np.std(length) == pytest.approx(np.sqrt(2.0), rel=0.15)


def test_a_walk_over_a_metre_errs_by_its_share_of_each_metre() -> None:
    poses = straight_drive(200)
    odometry = drifting_odometry(poses, OdometryDrift(translation=0.03, rotation_deg_per_100_m=3.0, walk_m=1.0))
    steps = np.linalg.norm(np.diff(odometry[:, :3, 3], axis=0), axis=1)
    assert abs(abs(steps.mean() - 1.0) - 0.03) < 0.01
    assert steps.std() == pytest.approx(0.03, rel=0.2)


def test_the_seed_decides_and_the_input_stays(random: np.random.Generator) -> None:
    poses = straight_drive(20)
    before = poses.copy()
    first, again, other = (drifting_odometry(poses, OdometryDrift(seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-6
    np.testing.assert_array_equal(poses, before)


def test_rounded_poses_make_a_long_odometry_of_exact_rotations() -> None:
    poses = np.array([se3.from_planar(0.1 * k, 0.0, 0.01 * k) for k in range(3000)]).round(5)
    for drift in (None, OdometryDrift()):
        rotations = drifting_odometry(poses, drift)[:, :3, :3]
        np.testing.assert_allclose(
            rotations @ rotations.transpose(0, 2, 1), np.tile(np.eye(3), (3000, 1, 1)), atol=1e-11
        )


def test_standing_still_does_not_drift() -> None:
    odometry = drifting_odometry(np.tile(se3.from_planar(1.0, 2.0, 3.0), (10, 1, 1)), OdometryDrift())
    np.testing.assert_allclose(odometry, np.tile(np.eye(4), (10, 1, 1)), atol=1e-12)
