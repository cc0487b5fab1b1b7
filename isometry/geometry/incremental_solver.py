"""The poses that fit the factors of a growing graph best, by iSAM2 (Kaess et al., IJRR 2012)."""

from __future__ import annotations

from collections.abc import Sequence

import gtsam
import numpy as np

from isometry.arrays import Array

RELINEARISE, CONVERGED_M = 0.02, 0.05  # for maps of streets
_ITERATIONS = 10


class IncrementalSolver:
    """Solves a graph of poses (Pose3 by their numbers) again and again: each time costs what is new, not all of it.

    Without a factor that is taken away each solution begins with the one before; otherwise it begins anew.
    """

    def __init__(self, relinearise: float = RELINEARISE, converged_m: float = CONVERGED_M) -> None:
        """`relinearise`: metres and radians that a pose has to move until its factors are linearised again.

        `converged_m`: metres that an iteration has to move some pose for another one to follow.
        """
        self._relinearise, self._converged_m = relinearise, converged_m
        self._restart()

    def _restart(self) -> None:
        parameters = gtsam.ISAM2Params()
        parameters.setRelinearizeThreshold(self._relinearise)
        parameters.relinearizeSkip = 1
        self._tree = gtsam.ISAM2(parameters)
        self._factors: dict[int, gtsam.NonlinearFactor] = {}  # in the tree, by identity
        self._poses = 0

    def solve(self, factors: Sequence[gtsam.NonlinearFactor], T_initial: Array) -> Array:
        """Poses (N,4,4) that fit all factors, which are told apart by identity.

        `T_initial` (N,4,4) is where the search begins for poses that were not in the last graph.
        """
        wanted = {id(factor): factor for factor in factors}
        if self._factors.keys() - wanted.keys():
            self._restart()
        added = gtsam.NonlinearFactorGraph()
        for key in wanted.keys() - self._factors.keys():
            added.add(wanted[key])
        values = gtsam.Values()
        for number in range(self._poses, len(T_initial)):
            values.insert(number, to_pose(T_initial[number]))
        self._factors, self._poses = wanted, len(T_initial)
        self._tree.update(added, values)
        T, before = self._estimate(), T_initial
        for _ in range(_ITERATIONS):
            if np.linalg.norm(T[:, :3, 3] - before[:, :3, 3], axis=1).max() <= self._converged_m:
                break
            self._tree.update()
            T, before = self._estimate(), T
        return T

    def _estimate(self) -> Array:
        rows = gtsam.utilities.extractPose3(self._tree.calculateEstimate())
        T = np.tile(np.eye(4), (len(rows), 1, 1))
        T[:, :3] = np.concatenate([rows[:, :9].reshape(-1, 3, 3), rows[:, 9:, None]], axis=2)
        return T


def to_pose(transform: Array) -> gtsam.Pose3:
    """gtsam's pose with an exact rotation: the rounding errors of long odometry would grow along the graph."""
    return gtsam.Pose3(gtsam.Rot3.ClosestTo(transform[:3, :3]), transform[:3, 3])
