"""The modes of a pose: those that explain depth and silhouette about as well as the best, weighted by colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array, Index
from isometry.object_pose.comparison import Comparison
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.symmetry_group import SymmetryGroup, turned_about
from isometry.object_pose.types import PoseMode, Reason

SAME_TURN, SAME_PLACE = np.radians(6.0), 0.05  # poses nearer than this are one; metres over the diameter
AS_GOOD = 0.08  # difference to the best agreement below which a pose may be a mode
TWIN = 0.05  # difference of agreement that tells nothing between twins of a shape, which differ less than cameras err
AGREEMENT_SCALE = 0.015  # difference of agreement that makes a pose less likely by the factor e
MOST_MODES = 12
AXIS_STEP = np.radians(8.0)  # between the turns about an axis that are compared by colour
TURNED_FINELY = 6  # of them, the best
MOST_TURNS = 20  # of them that can be modes
MOST_TWINS = 48  # that are aligned
FINE_STEPS = np.radians([-4.0, -2.0, 0.0, 2.0, 4.0])  # around each of these
ALIKE = np.radians(10.0)  # modes nearer than this are one answer
MOST_MARGIN = 0.1  # of agreement, where no other pose comes near
LEAST_WEIGHT = 0.02  # of a mode, over the weight of the best
CLEAR = 0.8  # weight of the first mode from which it is not called ambiguous
FREE_SPREAD = 0.75  # of the weights of turns about an axis: their entropy over that of equal weights, to call it free


class Candidates(NamedTuple):
    """Poses after alignment, best first."""

    T_camera_object: Array  # (H,4,4)
    agreements: Array  # (H,) with depth and silhouette, 0 to 1


@dataclass(frozen=True, eq=False)
class Weighted:
    """The modes and what is told of them."""

    modes: tuple[PoseMode, ...]
    reason: Reason
    evidence: dict[str, float]  # for the confidence


def merged(T_camera_object: Array, agreements: Array, diameter: float) -> Index:
    """Numbers (M,) of poses (H,4,4) that are distinct, the best of each kind, best first."""
    kept: list[int] = []
    for k in np.argsort(-agreements):
        if kept:
            relative = T_camera_object[kept, :3, :3] @ T_camera_object[k, :3, :3].T
            turned = Rotation.from_matrix(relative).magnitude()
            moved = np.linalg.norm(T_camera_object[kept, :3, 3] - T_camera_object[k, :3, 3], axis=1) / diameter
            if np.any((turned < SAME_TURN) & (moved < SAME_PLACE)):
                continue
        kept.append(int(k))
    return np.array(kept, np.intp)


def weighted(candidates: Candidates, comparison: Comparison) -> Weighted:
    """The modes of an observation."""
    good = candidates.agreements > candidates.agreements.max() - AS_GOOD
    poses, agreements = candidates.T_camera_object[good], candidates.agreements[good]
    symmetry = comparison.model.symmetry
    group, coloured = symmetry.shape, comparison.model.mesh.colours is not None
    # where nothing but colour tells the turn about an axis, and the mesh has no colours or these are round, too
    free_axis = None if coloured and symmetry.coloured.axis is None else group.axis
    if group.axis is not None and free_axis is None:
        poses, agreements = _with_turns(poses, agreements, group, comparison)
    else:
        flips = SymmetryGroup(group.centre, group.turns)  # about a free axis, other turns make no other pose
        poses, agreements = _with_twins(poses, agreements, flips, comparison)
    scores = agreements / AGREEMENT_SCALE + comparison.colours(poses)
    modes, alike = _modes(poses, scores, comparison.model, free_axis)
    seen = comparison.agreement(modes[0].T_camera_object[None])
    evidence = {
        "agreement": float(seen.total[0]),
        "silhouette": float(seen.silhouette[0]),
        "margin": _margin(modes[0].T_camera_object, float(seen.total[0]), candidates, group),
        "alike": alike,
        "score": float(scores.max()),
    }
    return Weighted(modes, "ok" if alike >= CLEAR else "ambiguous", evidence)


def _margin(T_first: Array, agreement: float, candidates: Candidates, shape: SymmetryGroup) -> float:
    """By how much a pose agrees better than any other that its shape tells from it."""
    others = [
        agreement - float(other) for T, other in zip(*candidates, strict=True) if _apart(shape, T, T_first) > ALIKE
    ]
    return float(np.clip(min(others, default=MOST_MARGIN), 0.0, MOST_MARGIN))


def _with_twins(poses: Array, agreements: Array, group: SymmetryGroup, comparison: Comparison) -> tuple[Array, Array]:
    """The poses and their twins by the shape's symmetry. A shape is not quite symmetric: each twin is aligned."""
    diameter = comparison.model.mesh.diameter
    twins = np.einsum("hij,sjk->hsik", poses, group.transforms(AXIS_STEP)[1:]).reshape(-1, 4, 4)
    if len(twins) == 0:
        return poses, agreements
    of_first = np.repeat(agreements, len(group.turns) - 1)
    chosen = merged(twins, of_first, diameter)[:MOST_TWINS]
    twins, of_first = comparison.refined(twins[chosen]), of_first[chosen]
    every = np.concatenate([poses, twins])
    both = np.concatenate([agreements, np.maximum(comparison.agreements(twins), of_first - TWIN)])
    distinct = merged(every, both, diameter)
    return every[distinct], both[distinct]


def _with_turns(poses: Array, agreements: Array, group: SymmetryGroup, comparison: Comparison) -> tuple[Array, Array]:
    """The poses turned about the axis of their shape to where the colours fit best, coarsely and then finely."""
    diameter = comparison.model.mesh.diameter
    twins = np.einsum("hij,sjk->hsik", poses, group.transforms(AXIS_STEP)).reshape(-1, 4, 4)
    repeated = np.repeat(agreements, len(twins) // len(poses))
    distinct = merged(twins, repeated, diameter)
    twins, repeated = twins[distinct], repeated[distinct]
    scores = repeated / AGREEMENT_SCALE + comparison.rough_colours(twins)
    best = np.argsort(-scores)[:TURNED_FINELY]
    assert group.axis is not None
    turns = Rotation.from_rotvec(np.outer(FINE_STEPS, group.axis)).as_matrix()
    finer = np.einsum("hij,sjk->hsik", twins[best], turned_about(group.centre, turns)).reshape(-1, 4, 4)
    fine_scores = comparison.colours(finer).reshape(len(best), -1)
    chosen = finer.reshape(len(best), -1, 4, 4)[np.arange(len(best)), np.argmax(fine_scores, axis=1)]
    others = np.argsort(-scores)[TURNED_FINELY:MOST_TURNS]
    return np.concatenate([chosen, twins[others]]), np.concatenate([repeated[best], repeated[others]])


def _modes(poses: Array, scores: Array, model: ObjectModel, axis: Array | None) -> tuple[tuple[PoseMode, ...], float]:
    """The modes, and the weight of those that are the first one or its twin by its colours."""
    likelihoods = np.exp(scores - scores.max())
    weights = likelihoods / likelihoods.sum()
    shape = model.symmetry.shape
    if axis is None and shape.axis is not None and _spread(weights) > FREE_SPREAD:
        axis = shape.axis
    about_axis = SymmetryGroup(shape.centre, np.eye(3)[None], axis)
    answers: list[tuple[int, float]] = []
    for k in np.argsort(-weights):
        same = [n for n, (j, _) in enumerate(answers) if _apart(about_axis, poses[k], poses[j]) < SAME_TURN]
        if same:
            answers[same[0]] = (answers[same[0]][0], answers[same[0]][1] + float(weights[k]))
        elif weights[k] >= LEAST_WEIGHT * weights.max() and len(answers) < MOST_MODES:
            answers.append((int(k), float(weights[k])))
    answers.sort(key=lambda answer: -answer[1])
    total = sum(weight for _, weight in answers)
    modes = tuple(PoseMode(poses[k], weight / total, axis) for k, weight in answers)
    # with its colours the object's own symmetry is known, and its twins are one; without them it may have a label
    own = SymmetryGroup(shape.centre, np.eye(3)[None]) if model.mesh.colours is None else model.symmetry.coloured
    first = modes[0].T_camera_object
    alike = sum(mode.weight for mode in modes if _apart(own, mode.T_camera_object, first) < ALIKE)
    if axis is not None and not own.continuous:
        alike *= ALIKE / np.pi
    return modes, float(alike)


def _apart(group: SymmetryGroup, T_first: Array, T_second: Array) -> float:
    return group.angle(T_first[:3, :3], T_second[:3, :3])


def _spread(weights: Array) -> float:
    """Entropy of weights (N,) over that of equal ones, 0 to 1."""
    known = weights[weights > 0.0]
    return float(-(known * np.log(known)).sum() / np.log(max(len(weights), 2)))
