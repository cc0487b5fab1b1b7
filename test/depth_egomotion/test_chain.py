"""The chain of keyframes: another keyframe moves nothing, and makes nothing more certain."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.depth_egomotion.chain import Chain
from isometry.geometry import covariance, se3
from isometry.geometry.se3 import moved


def random_covariance(random: np.random.Generator) -> Array:
    root = random.normal(0.0, 0.01, (6, 6))
    return np.asarray(root @ root.T)


def chain_of(random: np.random.Generator, links: int = 4) -> Chain:
    chain = Chain.begun(0, np.eye(4), np.zeros((6, 6)))
    for number in range(1, links):
        chain = chain.moved(moved(random.normal(0.0, 0.3, 6)), random_covariance(random))
        chain = chain.held_by(number, moved(random.normal(0.0, 0.3, 6)), random_covariance(random))
    return chain


def smallest(matrix: Array) -> float:
    return float(np.linalg.eigvalsh((matrix + matrix.T) / 2.0).min())


@pytest.mark.parametrize("seed", range(5))
def test_another_keyframe_moves_nothing_and_makes_nothing_more_certain(seed: int) -> None:
    random = np.random.default_rng(seed)
    chain = chain_of(random)
    held = chain.held_by(9, moved(random.normal(0.0, 0.3, 6)), random_covariance(random))
    assert held.keyframe == 9
    np.testing.assert_allclose(held.T_odom_camera, chain.T_odom_camera, atol=1e-12)
    assert smallest(held.covariance - chain.covariance) > -1e-12


def test_a_new_keyframe_at_the_camera_changes_neither_pose_nor_covariance(random: np.random.Generator) -> None:
    chain = chain_of(random)
    held = chain.held_by(9, np.eye(4), np.zeros((6, 6)))
    np.testing.assert_allclose(held.T_odom_keyframe, chain.T_odom_camera, atol=1e-12)
    np.testing.assert_allclose(held.covariance, chain.covariance, atol=1e-12)


def test_to_look_around_at_one_keyframe_adds_no_drift(random: np.random.Generator) -> None:
    chain = chain_of(random)
    away = chain
    for _ in range(50):
        away = away.moved(moved(random.normal(0.0, 0.3, 6)), random_covariance(random))
    back = away.moved(chain.T_keyframe_camera, chain.camera_covariance)
    np.testing.assert_allclose(back.covariance, chain.covariance)
    np.testing.assert_allclose(back.T_odom_camera, chain.T_odom_camera)


def test_an_error_of_the_rotation_of_a_keyframe_is_one_of_the_position_of_what_is_far_from_it() -> None:
    sigma, away = 0.01, 3.0
    chain = Chain(0, np.eye(4), covariance.independent(0.0, sigma), np.eye(4), np.zeros((6, 6)))
    T = se3.from_rotation_translation(np.eye(3), np.array([0.0, 0.0, away]))
    sigmas = np.sqrt(np.diag(chain.moved(T, np.zeros((6, 6))).covariance))
    np.testing.assert_allclose(sigmas, [away * sigma, away * sigma, 0.0, sigma, sigma, sigma])


def test_the_odometry_begins_where_the_camera_is() -> None:
    T = moved(np.array([1.0, -2.0, 0.5, 0.3, 0.2, -0.1]))
    begun = Chain.begun(4, T, covariance.independent(0.02, 0.01))
    np.testing.assert_allclose(begun.T_odom_camera, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(begun.T_keyframe_camera, T)


def test_rounding_errors_do_not_add_up(random: np.random.Generator) -> None:
    chain = chain_of(random, links=2000)
    rotation = chain.T_odom_camera[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
