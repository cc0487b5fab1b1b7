"""The poses of the keyframes that fit all measured relations between them best."""

from __future__ import annotations

from typing import NamedTuple

import gtsam
import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.geometry.covariance import independent, reordered
from isometry.geometry.incremental_solver import IncrementalSolver, to_pose

FLOOR = independent(0.0015, 0.0006)  # metres and radians by which every measured relation errs
FIRST = 1e-4
HUBER = 1.345  # standard deviations: 95 % efficient for Gaussian errors
RELINEARISE, CONVERGED_M = 0.002, 0.001


class Relation(NamedTuple):
    """A measured transform between two keyframes."""

    first: int
    second: int
    T_first_second: Array  # (4,4)
    covariance: Array  # (6,6) along the axes of the second

    def factor(self) -> gtsam.NonlinearFactor:
        """Of the optimisation; a relation that does not agree with the others counts less."""
        gaussian = gtsam.noiseModel.Gaussian.Covariance(reordered(self.covariance + FLOOR))
        huber = gtsam.noiseModel.mEstimator.Huber.Create(HUBER)
        noise = gtsam.noiseModel.Robust.Create(huber, gaussian)
        return gtsam.BetweenFactorPose3(self.first, self.second, to_pose(self.T_first_second), noise)


class KeyframeGraph:
    """Keyframes, numbered from 0 in the order in which they are added; the first is the origin of the map."""

    def __init__(self) -> None:
        self._solver = IncrementalSolver(RELINEARISE, CONVERGED_M)
        self._factors: list[gtsam.NonlinearFactor] = []
        self.relations: list[Relation] = []
        self.T_map_keyframe: Array = np.zeros((0, 4, 4))  # (N,4,4) by what was measured so far

    def __len__(self) -> int:
        return len(self.T_map_keyframe)

    def add(self, T_map_keyframe: Array) -> int:
        """A keyframe near a pose (4,4); its number. It is tied to the map by `relate`."""
        number = len(self)
        if number == 0:
            anchor = gtsam.noiseModel.Isotropic.Sigma(6, FIRST)
            self._factors.append(gtsam.PriorFactorPose3(0, to_pose(T_map_keyframe), anchor))
        self.T_map_keyframe = np.concatenate([self.T_map_keyframe, T_map_keyframe[None]])
        return number

    def relate(self, relation: Relation) -> None:
        """Tie two keyframes together. Raises IndexError for keyframes that do not exist."""
        if not (0 <= relation.first < len(self) and 0 <= relation.second < len(self)):
            raise IndexError(f"relation of keyframes {relation.first} and {relation.second} of {len(self)}")
        self.relations.append(relation)
        self._factors.append(relation.factor())

    def optimise(self) -> None:
        """Move all keyframes to where they fit best."""
        self.T_map_keyframe = self._solver.solve(self._factors, self.T_map_keyframe)

    def relative(self, first: int, second: int) -> Array:
        """T_first_second (4,4)."""
        return np.asarray(se3.inverse(self.T_map_keyframe[first]) @ self.T_map_keyframe[second])

    def in_map(self, number: int, T_keyframe_frame: Array) -> Array:
        """T_map_frame (4,4) of a frame that is known relative to a keyframe."""
        return np.asarray(self.T_map_keyframe[number] @ T_keyframe_frame)
