"""Rivals of a transform: others that might explain the two clouds as well, where the world repeats itself.

A source of hypotheses proposes what fits best. It may leave out an equal hall, floor or bay beside the one that it
found. So rivals are looked for on purpose: the source, where the transform has put it, is shifted and turned over all
of the target.
"""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.registration.types import Cloud, Hypotheses
from isometry.registration.upright.birds_eye_correlation import correlate
from isometry.registration.upright.directions import dominant_directions
from isometry.registration.upright.proposer import CELL, IMAGE_SIZE, LYING_COSINE

TURNS = 4  # about the vertical: halls are built at right angles
PEAKS, POSES = 12, 32  # shifts kept of each turn, and of all turns
STEP, FIRST_STEP, LAST_STEP = 2.0, 3, 32  # of shifts along an axis: resolutions, and numbers of steps


def propose_rivals(target: Cloud, source: Cloud, T_target_source: Array, weakest: Array) -> Hypotheses:
    """Transforms (H,4,4) of `source` elsewhere in `target` than `T_target_source` (4,4), both of one resolution.

    Three kinds of shift: those in the horizontal plane at which the bird's-eye images agree, with quarter turns; along
    the vertical, as of floors; and along `weakest` (3,), the direction in the target in which the surfaces hold the
    transform least.
    """
    vertical = target.up if target.up is not None else dominant_directions(target.normals, oriented=False)[0].axis
    moved = se3.apply(T_target_source, source.points)
    lying = np.abs(source.normals @ (T_target_source[:3, :3].T @ vertical)) > LYING_COSINE
    motions = np.concatenate(
        [
            _planar(target, moved[~lying], vertical),
            _along(vertical, target.resolution),
            _along(weakest, target.resolution),
        ]
    )
    return Hypotheses(motions @ T_target_source, np.ones(len(motions)), "rival")


def _planar(target: Cloud, moved: Array, vertical: Array) -> Array:
    """Motions (H,4,4) in the plane across `vertical` at which the points `moved` (N,3) cover those of the target."""
    cell = CELL * target.resolution
    R_level_target = se3.levelling_rotation(vertical)
    standing = np.abs(target.normals @ vertical) <= LYING_COSINE
    middle = R_level_target @ moved.mean(axis=0) if len(moved) else np.zeros(3)
    level_target = target.points[standing] @ R_level_target.T - middle
    level_moved = moved @ R_level_target.T - middle
    # plain correlation: the proposer's whitening is there to suppress what repeats
    poses = correlate(
        level_target[:, :2], level_moved[:, :2], cell, IMAGE_SIZE, TURNS, PEAKS, POSES, 2.0 * cell, whitening=0.0
    )
    if not len(poses.yaw):
        return np.empty((0, 4, 4))
    motions = np.stack(
        [
            se3.from_planar(float(shift[0]), float(shift[1]), float(yaw))
            for shift, yaw in zip(poses.shift, poses.yaw, strict=True)
        ]
    )
    T_target_level = se3.from_rotation_translation(R_level_target.T, R_level_target.T @ middle)
    return np.asarray(T_target_level @ motions @ se3.inverse(T_target_level))


def _along(axis: Array, resolution: float) -> Array:
    """Shifts (H,4,4) to and fro along an axis (3,)."""
    steps = STEP * resolution * np.arange(FIRST_STEP, LAST_STEP + 1)
    shifts = np.concatenate([steps, -steps])[:, None] * axis
    motions = np.tile(np.eye(4), (len(shifts), 1, 1))
    motions[:, :3, 3] = shifts
    return motions
