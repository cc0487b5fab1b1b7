from __future__ import annotations

import gtsam
import numpy as np
from scipy.spatial.transform import Rotation

from isometry.geometry import covariance, se3


def covariance_of(random: np.random.Generator) -> np.ndarray:
    root = random.normal(size=(6, 6))
    return root @ root.T


def test_rotated_is_the_covariance_of_rotated_errors(random: np.random.Generator) -> None:
    given = covariance_of(random)
    rotation = Rotation.random(rng=random).as_matrix()
    errors = random.multivariate_normal(np.zeros(6), given, size=200_000)
    turned = np.hstack([errors[:, :3] @ rotation.T, errors[:, 3:] @ rotation.T])
    expected = np.cov(turned.T)
    np.testing.assert_allclose(covariance.rotated(given, rotation), expected, atol=0.02 * np.abs(expected).max())


def test_rotated_back_is_the_same(random: np.random.Generator) -> None:
    given = covariance_of(random)
    rotation = Rotation.random(rng=random).as_matrix()
    np.testing.assert_allclose(covariance.rotated(covariance.rotated(given, rotation), rotation.T), given)


def test_at_another_point_is_the_covariance_of_errors_of_that_point(random: np.random.Generator) -> None:
    given = covariance_of(random) * 1e-6  # small angles
    lever = np.array([40.0, -3.0, 7.0])
    errors = random.multivariate_normal(np.zeros(6), given, size=200_000)
    moved = Rotation.from_rotvec(errors[:, 3:]).apply(lever) - lever + errors[:, :3]
    expected = np.cov(np.hstack([moved, errors[:, 3:]]).T)
    np.testing.assert_allclose(covariance.at_point(given, lever), expected, atol=0.02 * np.abs(expected).max())


def test_propagated_is_gtsams_adjoint(random: np.random.Generator) -> None:
    given = covariance_of(random)
    T_before_after = se3.from_rotation_translation(Rotation.random(rng=random).as_matrix(), random.normal(size=3))
    adjoint = covariance.reordered(gtsam.Pose3(se3.inverse(T_before_after)).AdjointMap())
    np.testing.assert_allclose(covariance.propagated(given, T_before_after), adjoint @ given @ adjoint.T, atol=1e-10)


def test_reordered_has_the_rotation_first_and_back(random: np.random.Generator) -> None:
    given = covariance_of(random)
    swapped = covariance.reordered(given)
    np.testing.assert_array_equal(swapped[:3, :3], given[3:, 3:])
    np.testing.assert_array_equal(swapped[:3, 3:], given[3:, :3])
    np.testing.assert_array_equal(covariance.reordered(swapped), given)


def test_independent_has_the_given_standard_deviations() -> None:
    np.testing.assert_allclose(np.sqrt(np.diag(covariance.independent(2.0, 0.5))), [2.0, 2.0, 2.0, 0.5, 0.5, 0.5])
