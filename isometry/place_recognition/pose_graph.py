"""The pose graph of the keyframes: odometry, neighbours along the path, and loops that agree with it and one another.

A loop must pass two chi-square tests, which allow for the drift of odometry along the path:
1. odometry: the loop lies within the drift between its two ends;
2. pairwise consistency (Mangelson et al., ICRA 2018): a cycle of this loop, another loop and the odometry between them
   must close. For each accepted loop that is inconsistent with it, a new loop needs one that is consistent. It needs
   one more where odometry alone is too inaccurate. Accepted loops in the minority are removed later; refused loops are
   kept and accepted together with a loop that they support.
Loops do not show a wrong scale of the whole map, as by a wrong wheel radius. Direct registration of keyframes a few
metres apart does. Such neighbours must pass the first test only; a robust kernel reduces the weight of wrong ones.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from math import hypot, radians, sqrt

import gtsam
import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.geometry.covariance import independent, reordered, rotated
from isometry.geometry.incremental_solver import IncrementalSolver, to_pose
from isometry.parameters import parameter

Transform = Array  # (4,4)
Covariance = Array  # (6,6) x, y, z, roll, pitch, yaw

_CHI_SQUARE = 22.46  # 0.999 quantile for 6 degrees of freedom
_DRIFT_LENGTH = 100.0  # metres over which the drift parameters hold
_TURN_ERROR = 0.01  # radians of error per radian turned
_LOOP_COVARIANCE = independent(0.1, radians(0.5))  # metres, radians: errors that a loop's own covariance leaves out
_PENDING_AT_MOST = 100
_HUBER = 1.345  # standard deviations: 95 % efficient for Gaussian errors


@dataclass(frozen=True)
class PoseGraphParameters:
    """The drift of odometry, and when a loop must be confirmed."""

    translation_drift_percent: float = parameter(1.0, "drift of the odometry, percent of the distance", 0.01, 50.0)
    rotation_drift_deg: float = parameter(1.0, "drift of the odometry, degrees per 100 m", 0.01, 90.0)
    trusted_drift: float = parameter(
        1.0, "metres of drift between two places above which a loop must be confirmed by another one", 0.0, 1e6
    )
    confirm_travel: float = parameter(4.0, "metres that must lie between a loop and the one confirming it", 0.0, 1e6)


@dataclass(frozen=True, eq=False)
class Loop:
    """A measured transform between two keyframes."""

    keyframe: int
    other: int
    T_keyframe_other: Transform
    covariance: Covariance  # in the frame of `keyframe`

    @cached_property
    def factor(self) -> gtsam.BetweenFactorPose3:
        """The loop as a factor of the optimisation."""
        noise = _noise(self.covariance, self.T_keyframe_other)
        return gtsam.BetweenFactorPose3(self.keyframe, self.other, to_pose(self.T_keyframe_other), noise)


class KeyframePoseGraph:
    """Poses of keyframes, numbered from 0 in the order in which they are added; the first pose is fixed."""

    def __init__(self, parameters: PoseGraphParameters) -> None:
        self.parameters = parameters
        self._solver = IncrementalSolver()
        self._factors: list[gtsam.NonlinearFactor] = []  # the anchor, odometry and neighbours
        self._T_map_base = np.empty((0, 4, 4))  # of the last optimisation, continued by odometry
        self._solved = True
        self._T_odom_base = np.empty((0, 4, 4))  # of all keyframes
        self._travelled = np.empty(0)  # metres to each keyframe
        self._loops: list[Loop] = []
        self._pending: deque[Loop] = deque(maxlen=_PENDING_AT_MOST)

    @property
    def loops(self) -> list[Loop]:
        """The accepted loops."""
        return list(self._loops)

    def add_keyframe(self, T_odom_base: Transform) -> int:
        """Continue the graph by the odometry since the previous keyframe; returns the new keyframe's number."""
        number = len(self._T_odom_base)
        T_map_base, travelled = T_odom_base, 0.0
        if number == 0:
            anchor = gtsam.noiseModel.Isotropic.Sigma(6, 1e-4)
            self._factors.append(gtsam.PriorFactorPose3(0, to_pose(T_odom_base), anchor))
        else:
            T_step = se3.inverse(self._T_odom_base[-1]) @ T_odom_base
            T_map_base = self._T_map_base[-1] @ T_step
            travelled = self._travelled[-1] + np.linalg.norm(T_step[:3, 3])
            noise = _noise(self._step_covariance(T_step), T_step)
            self._factors.append(gtsam.BetweenFactorPose3(number - 1, number, to_pose(T_step), noise))
        self._T_map_base = np.concatenate([self._T_map_base, T_map_base[None]])
        self._T_odom_base = np.concatenate([self._T_odom_base, T_odom_base[None]])
        self._travelled = np.append(self._travelled, travelled)
        return number

    def add_loop(self, keyframe: int, other: int, T_keyframe_other: Transform, covariance: Covariance) -> bool:
        """Whether the loop is accepted. `covariance` (6,6) in ROS order, in the frame of `keyframe`.

        A refused loop does not change the graph, but may confirm a later one; both are accepted then.
        Raises IndexError for keyframes that do not exist.
        """
        loop = self._measured(keyframe, other, T_keyframe_other, covariance)
        if not self._within_drift(loop):
            return False
        driven = self._driven(loop)
        waiting = list(self._pending)
        agree, supports = self._votes(loop, [*self._loops, *waiting])
        opposed = [held for held, agrees in zip(self._loops, agree, strict=False) if not agrees]
        needed = len(opposed) + bool(self._position_drift(driven)[0] > self.parameters.trusted_drift)
        if np.count_nonzero(supports) < needed:
            self._pending.append(loop)
            return False
        supported = supports[len(self._loops) :]
        self._loops = [held for held in self._loops if held not in opposed] + [loop]
        for pending, confirmed in zip(waiting, supported, strict=True):
            if confirmed and self._votes(pending, self._loops)[0].all():
                self._loops.append(pending)
        self._pending = deque((p for p in [*waiting, *opposed] if p not in self._loops), _PENDING_AT_MOST)
        self._solved = False
        return True

    def add_neighbour(self, keyframe: int, other: int, T_keyframe_other: Transform, covariance: Covariance) -> bool:
        """Whether a measured transform of keyframes a few metres apart is accepted: it is within odometry's drift.

        Shapes, frames and errors as for `add_loop`.
        """
        neighbour = self._measured(keyframe, other, T_keyframe_other, covariance)
        if not self._within_drift(neighbour):
            return False
        huber = gtsam.noiseModel.mEstimator.Huber.Create(_HUBER)
        noise = gtsam.noiseModel.Robust.Create(huber, neighbour.factor.noiseModel())
        self._factors.append(gtsam.BetweenFactorPose3(keyframe, other, to_pose(T_keyframe_other), noise))
        self._solved = False
        return True

    def optimise(self) -> Array:
        """T_map_base (N,4,4) of all keyframes."""
        if not self._solved:
            factors = [*self._factors, *(loop.factor for loop in self._loops)]
            self._T_map_base = self._solver.solve(factors, self._T_map_base)
            self._solved = True
        return self._T_map_base.copy()

    def _measured(self, keyframe: int, other: int, T_keyframe_other: Transform, covariance: Covariance) -> Loop:
        if not (0 <= keyframe < len(self._T_odom_base) and 0 <= other < len(self._T_odom_base)):
            raise IndexError(f"relation of keyframes {keyframe} and {other} of {len(self._T_odom_base)}")
        return Loop(keyframe, other, T_keyframe_other.copy(), covariance + _LOOP_COVARIANCE)

    def _driven(self, loop: Loop) -> Array:
        """Metres (1,) travelled from one end of a loop to the other."""
        return np.abs(np.diff(self._travelled[[loop.keyframe, loop.other]]))

    def _within_drift(self, loop: Loop) -> bool:
        """Whether a loop lies within the possible drift of odometry between its ends."""
        T_odometry = se3.inverse(self._T_odom_base[loop.keyframe]) @ self._T_odom_base[loop.other]
        agree = self._agree(loop, T_odometry[None], np.zeros((1, 6, 6)), self._driven(loop))
        return bool(agree[0])

    def _step_covariance(self, T_step: Transform) -> Covariance:
        """Of one step of odometry, as a random walk with the stated drift after 100 m."""
        length = max(float(np.linalg.norm(T_step[:3, 3])), 0.01)
        share = sqrt(length * _DRIFT_LENGTH)
        translation = self.parameters.translation_drift_percent / 100.0 * share
        rotation = radians(self.parameters.rotation_drift_deg) / _DRIFT_LENGTH * share
        rotation = hypot(rotation, _TURN_ERROR * se3.rotation_angle(T_step))
        return independent(translation, rotation)

    def _heading_drift(self, metres: Array) -> Array:
        """Possible drift in radians after so many metres: drift may be systematic, so it grows linearly."""
        return radians(self.parameters.rotation_drift_deg) / _DRIFT_LENGTH * metres

    def _position_drift(self, metres: Array) -> Array:
        """Possible drift in metres after so many metres, by the scale and by the heading, which bends the path."""
        scale = self.parameters.translation_drift_percent / 100.0 * metres
        return scale + self._heading_drift(metres) * metres / 4.0

    def _votes(self, loop: Loop, others: list[Loop]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which of `others` (n,) agree with a loop, and which of those are near enough to confirm it."""
        if not others:
            return np.empty(0, bool), np.empty(0, bool)
        keyframes, ends = np.array([(other.keyframe, other.other) for other in others]).T
        T_keyframe_other = (
            se3.inverse(self._T_odom_base[loop.keyframe])
            @ self._T_odom_base[keyframes]
            @ np.stack([other.T_keyframe_other for other in others])
            @ se3.inverse(self._T_odom_base[ends])
            @ self._T_odom_base[loop.other]
        )
        apart = np.abs(self._travelled[ends] - self._travelled[loop.other])
        metres = apart + np.abs(self._travelled[keyframes] - self._travelled[loop.keyframe])
        agree = self._agree(loop, T_keyframe_other, np.stack([other.covariance for other in others]), metres)
        near = self._position_drift(metres) <= self.parameters.trusted_drift
        return agree, agree & near & (apart >= self.parameters.confirm_travel)

    def _agree(
        self, loop: Loop, T_keyframe_other: Transform, covariances: Covariance, metres: Array
    ) -> NDArray[np.bool_]:
        """Whether a loop agrees with other estimates (n,4,4) of its transform, by `metres` (n,) of odometry."""
        residuals = se3.error(loop.T_keyframe_other, T_keyframe_other)[..., None]
        heading = self._heading_drift(metres)
        drift = np.zeros_like(covariances)
        drift[:, [0, 1, 2], [0, 1, 2]] = self._position_drift(metres)[:, None] ** 2
        drift[:, [3, 4, 5], [3, 4, 5]] = heading[:, None] ** 2
        weighted = np.linalg.solve(loop.covariance + covariances + drift, residuals)
        agree: NDArray[np.bool_] = np.sum(residuals * weighted, axis=(1, 2)) <= _CHI_SQUARE
        return agree


def _noise(covariance: Covariance, T_keyframe_other: Transform) -> gtsam.noiseModel.Gaussian:
    """gtsam's noise model: rotation first, in the frame of `other` instead of `keyframe`."""
    in_other = rotated(covariance, T_keyframe_other[:3, :3].T)
    return gtsam.noiseModel.Gaussian.Covariance(reordered(in_other))
