"""The ego-motion of the vehicle, estimated from labels alone: positions of stationary objects, headings of all.

KITTI's labels of tracking are relative to the moving vehicle, and its poses are not part of them. Apart from the first
second, each pose is estimated from past labels only, so that the frame of a prediction depends on no future label.

    constant velocity of the vehicle -> pose corrected by the objects, most by stationary ones       object_filter.py
    no object seems stationary -> the most likely velocity of the last second               velocity_search.py
        -> where it differs from the estimate: the estimate restarts with it

The numbers here and in the modules above were chosen by hand; nothing in this repository fits them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.evaluation.prediction.class_priors import class_prior
from isometry.evaluation.prediction.object_filter import POSITION_DEVIATION_M, ObjectFilter
from isometry.evaluation.prediction.velocity_search import (
    Displacement,
    Velocity,
    log_likelihood_gain,
    most_likely_velocity,
)
from isometry.geometry.planar import rotations, wrapped
from isometry.tracking.tracks.common_motion import common_motion

CHANGE = np.array([0.04, 0.01, 0.006])  # of the ego-motion from step to step: ahead, sideways (m), turn (rad)

HEADING_DEVIATION = 0.03  # radians, of the heading of an object against its predicted one
HEADING_OUTLIER = 0.5  # share of a residual by which its own deviation grows: large residuals count little
LEAST_HEADING_WEIGHT = 0.3  # of an object that surely moves, against 1 of one that is surely stationary
LEAST_PROBABILITY = 1e-3  # of either hypothesis: its positions always count a little

WINDOW, EVERY = 10, 3  # steps that a velocity is searched over; steps between two searches
LEAST_STEPS = 4  # between the first and the last label of an object in the window
LEAST_GAIN = 12.0  # of log likelihood, above which another velocity restarts the estimate
LEAST_JUMP = Velocity(0.5, 0.1)  # of which one must be exceeded, too

ANCHORED = 0.9  # share of the moments at which a stationary object must be known


@dataclass(frozen=True)
class Moment:
    """The labelled objects of one frame, in the frame of the vehicle, x ahead."""

    ids: NDArray[np.int64]  # (N,)
    boxes: Array  # (N,7) as `isometry.tracking.types.BOX` says
    labels: Sequence[str]  # (N,)


@dataclass(frozen=True)
class EgoMotion:
    """Poses of the vehicle in the frame of its first moment. At each restart another frame begins."""

    poses: Array  # (T,3) x, y, yaw
    restarts: tuple[int, ...]  # moments at which the estimate restarted with another velocity
    anchored: NDArray[np.bool_]  # (T,) whether a stationary object was known: nothing else fixes where the vehicle is

    @staticmethod
    def given(poses: Array) -> EgoMotion:
        """The ego-motion by measured poses (T,3)."""
        return EgoMotion(poses, (), np.ones(len(poses), bool))

    def is_known(self, first: int, last: int) -> bool:
        """Whether the moments from the first to the last are in one frame, and nearly all of them anchored."""
        known = self.anchored[max(first, 0) : last + 1]
        whole = not any(first < restart <= last for restart in self.restarts)
        return whole and len(known) > 0 and float(known.mean()) >= ANCHORED


def ego_motion(moments: Sequence[Moment], step_s: float = 0.1) -> EgoMotion:
    """The vehicle's motion through moments that are `step_s` apart."""
    step = most_likely_velocity(_displacements(moments[: WINDOW + 1], step_s)).motion_in(step_s)
    pose, poses, restarts, anchored = np.zeros(3), [], [], []
    objects: dict[int, ObjectFilter] = {}
    for k, moment in enumerate(moments):
        if k > WINDOW and k % EVERY == 0 and not _sees_stationary(moment, objects):
            velocity = _other_velocity(moments[k - WINDOW : k + 1], step, step_s)
            if velocity is not None:
                step, objects = velocity.motion_in(step_s), {}
                restarts.append(k)
        if k:
            corrected = _corrected(_composed(pose, step), moment, objects, step_s)
            pose, step = corrected, _forward_motion(pose, corrected)
        poses.append(pose)
        objects = _updated(objects, moment, pose, step_s)
        anchored.append(any(each.is_stationary and not each.prior.is_person for each in objects.values()))
    return EgoMotion(np.array(poses).reshape(-1, 3), tuple(restarts), np.array(anchored, bool))


def _sees_stationary(moment: Moment, objects: dict[int, ObjectFilter]) -> bool:
    """Whether any object that is labelled now is known to be stationary."""
    return any(objects[number].is_stationary for number in moment.ids.tolist() if number in objects)


def _other_velocity(window: Sequence[Moment], step: Array, step_s: float) -> Velocity | None:
    """The velocity that fits a window much better than the last `step` (3,) does; None where there is none."""
    displacements = _displacements(window, step_s)
    before = Velocity(float(step[0] / step_s), float(step[2] / step_s))
    velocity = most_likely_velocity(displacements, before)
    jumps = (
        abs(velocity.speed - before.speed) > LEAST_JUMP.speed
        or abs(velocity.yaw_rate - before.yaw_rate) > LEAST_JUMP.yaw_rate
    )
    return velocity if jumps and log_likelihood_gain(displacements, velocity, before) > LEAST_GAIN else None


def _displacements(window: Sequence[Moment], step_s: float) -> list[Displacement]:
    """The displacement of each object from its first to its last label in a window; short ones are left out.

    The vehicle is assumed to have one velocity in the whole window, also for an object that appeared later.
    """
    first: dict[int, tuple[int, Array]] = {}
    last: dict[int, tuple[int, Array, str]] = {}
    for k, moment in enumerate(window):
        for number, box, label in zip(moment.ids.tolist(), moment.boxes, moment.labels, strict=True):
            first.setdefault(number, (k, box))
            last[number] = (k, box, label)
    displacements = []
    for number, (start, first_box) in first.items():
        end, last_box, label = last[number]
        if end - start >= LEAST_STEPS:
            displacements.append(Displacement((end - start) * step_s, first_box, last_box, class_prior(label)))
    return displacements


def _corrected(pose: Array, moment: Moment, objects: dict[int, ObjectFilter], step_s: float) -> Array:
    """The predicted pose (3,) of the vehicle, corrected by the headings and then by the positions of known objects."""
    pairs = [(box, objects[i]) for i, box in zip(moment.ids.tolist(), moment.boxes, strict=True) if i in objects]
    if not pairs:
        return pose
    turn, turn_deviation = _turn_from_headings(pose, pairs, step_s)
    pose = pose + np.array([0.0, 0.0, turn])
    return _corrected_by_positions(pose, pairs, np.append(CHANGE[:2], turn_deviation), step_s)


def _turn_from_headings(pose: Array, pairs: Sequence[tuple[Array, ObjectFilter]], step_s: float) -> tuple[float, float]:
    """Angle in radians by which the pose must turn so that headings fit, and its standard deviation; no people."""
    rigid = [(box, each) for box, each in pairs if not each.prior.is_person]
    if not rigid:
        return 0.0, float(CHANGE[2])
    residuals = np.array([each.yaw + each.yaw_rate * step_s - box[6] - pose[2] for box, each in rigid])
    residuals = wrapped(2.0 * residuals) / 2.0  # some headings are labelled the wrong way round for a while
    stationary = np.array([each.stationary_probability for _, each in rigid])
    variances = HEADING_DEVIATION**2 + np.square(HEADING_OUTLIER * residuals)
    weights = (LEAST_HEADING_WEIGHT + (1.0 - LEAST_HEADING_WEIGHT) * stationary) / variances
    total = weights.sum() + 1.0 / CHANGE[2] ** 2
    return float(weights @ residuals / total), float(total**-0.5)


def _corrected_by_positions(
    pose: Array, pairs: Sequence[tuple[Array, ObjectFilter]], deviations: Array, step_s: float
) -> Array:
    """The pose (3,), moved within its `deviations` (3,) so that objects lie where they are predicted.

    Each object is predicted twice, as stationary and as moving; the likelier of the two has the smaller variance.
    """
    found, predicted, variances = [], [], []
    for box, each in pairs:
        stationary = np.clip(each.stationary_probability, LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY)
        found += [box[:2], box[:2]]
        predicted += [each.place, each.predicted_position(step_s)]
        variances += [
            POSITION_DEVIATION_M**2 * (1.0 + 1.0 / each.sightings) / stationary,
            (POSITION_DEVIATION_M**2 + each.predicted_variance(step_s)) / (1.0 - stationary),
        ]
    in_vehicle = (np.array(predicted) - pose[:2]) @ rotations(pose[2])
    return _composed(pose, common_motion(np.array(found), in_vehicle, np.array(variances), deviations))


def _updated(objects: dict[int, ObjectFilter], moment: Moment, pose: Array, step_s: float) -> dict[int, ObjectFilter]:
    """The objects that are labelled now, after these labels; the others are forgotten."""
    positions = moment.boxes[:, :2] @ rotations(pose[2]).T + pose[:2]
    updated = {}
    for number, position, box, label in zip(moment.ids.tolist(), positions, moment.boxes, moment.labels, strict=True):
        yaw, each = box[6] + pose[2], objects.get(number)
        if each is None:
            each = ObjectFilter.of_new_object(position, yaw, class_prior(label))
        else:
            each.update(position, yaw, step_s)
        updated[number] = each
    return updated


def _forward_motion(before: Array, after: Array) -> Array:
    """The motion (3,) between two poses (3,), in the frame of the first; what slid sideways is left out."""
    moved = rotations(before[2]).T @ (after[:2] - before[:2])
    return np.array([moved[0], 0.0, after[2] - before[2]])


def _composed(first: Array, second: Array) -> Array:
    """The pose (3,) of one after the other."""
    return np.append(rotations(first[2]) @ second[:2] + first[:2], first[2] + second[2])
