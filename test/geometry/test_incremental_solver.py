"""The incremental solution of a pose graph against the batch solution of the same factors, by Levenberg-Marquardt."""

from __future__ import annotations

import gtsam
import numpy as np

from isometry.geometry import se3
from isometry.geometry.incremental_solver import IncrementalSolver, to_pose

KEYFRAMES, STEP = 300, 2.0


def batch(factors: list[gtsam.NonlinearFactor], T_initial: np.ndarray) -> np.ndarray:
    """The positions (N,3) that fit best."""
    graph, values = gtsam.NonlinearFactorGraph(), gtsam.Values()
    for factor in factors:
        graph.add(factor)
    for number, T in enumerate(T_initial):
        values.insert(number, to_pose(T))
    solution = gtsam.LevenbergMarquardtOptimizer(graph, values).optimize()
    return np.stack([solution.atPose3(number).translation() for number in range(len(T_initial))])


def circles(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True poses and odometry (N,4,4) of three rounds of a circle; odometry turns 2 % too much and is noisy."""
    rng = np.random.default_rng(seed)
    angle = 3 * 2 * np.pi / KEYFRAMES
    true, odometry = [np.eye(4)], [np.eye(4)]
    for _ in range(KEYFRAMES - 1):
        true.append(true[-1] @ se3.from_planar(STEP, 0.0, angle))
        odometry.append(odometry[-1] @ se3.from_planar(STEP * (1 + rng.normal(0, 0.02)), 0.0, 1.02 * angle))
    return np.stack(true), np.stack(odometry)


def between(T: np.ndarray, first: int, second: int, sigma: float) -> gtsam.NonlinearFactor:
    noise = gtsam.noiseModel.Isotropic.Sigma(6, sigma)
    return gtsam.BetweenFactorPose3(first, second, to_pose(se3.inverse(T[first]) @ T[second]), noise)


def test_each_solution_is_that_of_the_batch_also_when_factors_are_taken_away() -> None:
    true, odometry = circles(0)
    anchor = gtsam.PriorFactorPose3(0, to_pose(np.eye(4)), gtsam.noiseModel.Isotropic.Sigma(6, 1e-4))
    chain = [anchor, *(between(odometry, k, k + 1, 0.1) for k in range(KEYFRAMES - 1))]
    lap = KEYFRAMES // 3
    wrong = between(true @ se3.from_planar(1.0, 0.5, 0.0), 10, 250, 0.05)
    right = [between(true, k - lap, k, 0.05) for k in range(lap, KEYFRAMES, 20)]
    solver, T, solved = IncrementalSolver(), odometry[:1], 0
    for closed in range(1, len(right) + 1):
        count = lap + 20 * (closed - 1) + 1
        T = np.concatenate([T, T[-1] @ se3.inverse(odometry[len(T) - 1]) @ odometry[len(T) : count]])
        loops = right[:closed] if count <= 260 else right[:closed] + [wrong] * (closed % 2)
        factors = [*chain[:count], *loops]
        T = solver.solve(factors, T)
        assert np.linalg.norm(T[:, :3, 3] - batch(factors, odometry[:count]), axis=1).max() < 0.05
        solved += 1
    assert solved == 10
    assert np.linalg.norm(T[:, :3, 3] - true[: len(T), :3, 3], axis=1).max() < 1.5


def test_a_wrong_factor_that_is_taken_away_leaves_no_trace() -> None:
    true, odometry = circles(1)
    anchor = gtsam.PriorFactorPose3(0, to_pose(np.eye(4)), gtsam.noiseModel.Isotropic.Sigma(6, 1e-4))
    chain = [anchor, *(between(odometry, k, k + 1, 0.1) for k in range(KEYFRAMES - 1))]
    right = [between(true, 0, 100, 0.05), between(true, 50, 250, 0.05)]
    wrong = between(odometry, 20, 220, 0.01)
    solver = IncrementalSolver()
    bent = solver.solve([*chain, *right, wrong], odometry)
    straight = solver.solve([*chain, *right], bent)
    expected = batch([*chain, *right], odometry)
    assert np.linalg.norm(bent[:, :3, 3] - expected, axis=1).max() > 0.5
    assert np.linalg.norm(straight[:, :3, 3] - expected, axis=1).max() < 0.05
