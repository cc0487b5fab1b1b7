"""Errors of paths of a camera: of the whole path, of steps, and of parts of some length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from evo.core.geometry import GeometryException, umeyama_alignment  # type: ignore[import-untyped]
from evo.core.metrics import APE, PoseRelation  # type: ignore[import-untyped]
from evo.core.trajectory import PosePath3D  # type: ignore[import-untyped]
from scipy.spatial.transform import Rotation

from isometry.arrays import Array, Flags, Index
from isometry.evaluation.common.trajectory import align
from isometry.geometry import se3

LEAST_PATH_M = 0.05  # a shorter one has no scale


@dataclass(frozen=True, eq=False)
class PathErrors:
    """Of one path, at the frames whose true pose is known."""

    distances: Array  # (K,) metres from the true positions after a rigid alignment
    steps: Array  # (M,6) of the motion between neighbouring frames, along the axes of the camera after it
    ends: Index  # (M,) frame at the end of each of these steps
    parts: Array  # (P,2) of parts of the path: metres a metre, degrees a metre


def path_errors(T_estimated: Array, T_true: Array, lengths_m: Sequence[float]) -> PathErrors:
    """Errors of poses (N,4,4); the true ones (N,4,4) are NaN where they are not known.

    Raises ValueError where fewer than two are known.
    """
    sure = known(T_true)
    if sure.sum() < 2:
        raise ValueError(f"{sure.sum()} of {len(sure)} frames have a true pose, and a path needs two")
    ends = known_steps(T_true)
    return PathErrors(
        distances=distances(T_estimated[sure], T_true[sure]),
        steps=step_errors(T_estimated, T_true, ends),
        ends=ends,
        parts=part_errors(T_estimated[sure], T_true[sure], lengths_m),
    )


def known(poses: Array) -> Flags:
    """Whether each pose (N,4,4) is known: it is NaN where it is not."""
    return np.asarray(np.isfinite(poses).all(axis=(1, 2)))


def known_steps(poses: Array) -> Index:
    """The poses (M) of poses (N,4,4) that are known, and before which one is known as well: the ends of steps."""
    sure = known(poses)
    return np.flatnonzero(sure[1:] & sure[:-1]) + 1


def alignment(T_estimated: Array, T_true: Array) -> Array:
    """T_true_estimated (4,4): the rigid motion of the positions of poses (N,4,4) to the true ones, by evo."""
    positions, true_positions = T_estimated[:, :3, 3], T_true[:, :3, 3]
    try:
        rotation, translation, _ = umeyama_alignment(positions.T, true_positions.T)
    except GeometryException:  # all on a line: turned about it, they are as near
        return align(positions, true_positions)
    return se3.from_rotation_translation(rotation, translation)


def distances(T_estimated: Array, T_true: Array) -> Array:
    """Metres (N,) between positions of poses (N,4,4) after the alignment, by evo."""
    metric = APE(PoseRelation.translation_part)
    metric.process_data((_evo(T_true), _evo(alignment(T_estimated, T_true) @ T_estimated)))
    return np.asarray(metric.error)


def scale(T_estimated: Array, T_true: Array) -> float | None:
    """The factor of all translations that brings a path (N,4,4) nearest to the true one; None for a camera that stands.

    Source: Umeyama, Least-Squares Estimation of Transformation Parameters (1991), by evo.
    """
    positions, true_positions = T_estimated[:, :3, 3], T_true[:, :3, 3]
    if min(np.ptp(positions, axis=0).max(), np.ptp(true_positions, axis=0).max()) < LEAST_PATH_M:
        return None
    try:
        return float(umeyama_alignment(positions.T, true_positions.T, with_scale=True)[2])
    except GeometryException:  # all on a line
        return float(np.linalg.norm(true_positions.std(axis=0)) / np.linalg.norm(positions.std(axis=0)))


def motions(poses: Array, ends: Index) -> Array:
    """T_before_after (M,4,4) of the steps that end at some of the poses (N,4,4)."""
    return np.asarray(se3.inverse(poses[ends - 1]) @ poses[ends])


def step_errors(T_estimated: Array, T_true: Array, ends: Index) -> Array:
    """Errors (M,6), metres and radians, of the steps that end at some frames, along the camera's axes after them."""
    moved, truly_moved = motions(T_estimated, ends), motions(T_true, ends)
    errors = se3.error(moved, truly_moved).reshape(-1, 2, 3)
    return np.asarray(errors @ truly_moved[:, :3, :3]).reshape(-1, 6)


def part_errors(T_estimated: Array, T_true: Array, lengths_m: Sequence[float]) -> Array:
    """Errors (P,2) of parts of a path (N,4,4): metres and degrees a metre. Each frame starts one of each length.

    Source: Geiger et al., "Are we ready for autonomous driving?" (CVPR 2012), whose development kit starts one at each
    tenth frame.
    """
    travelled = path_length(T_true)
    ends = [np.searchsorted(travelled, travelled + metres, "right") for metres in lengths_m]
    pairs = [
        (first, last, metres)
        for metres, lasts in zip(lengths_m, ends, strict=True)
        for first, last in enumerate(lasts)
        if last < len(travelled)
    ]
    if not pairs:
        return np.zeros((0, 2))
    first, last = np.array([pair[:2] for pair in pairs]).T
    lengths = np.array([pair[2] for pair in pairs])
    truly_moved = se3.inverse(T_true[first]) @ T_true[last]
    error = se3.inverse(se3.inverse(T_estimated[first]) @ T_estimated[last]) @ truly_moved
    degrees = np.degrees(Rotation.from_matrix(error[:, :3, :3]).magnitude())
    return np.column_stack([np.linalg.norm(error[:, :3, 3], axis=1) / lengths, degrees / lengths])


def path_length(poses: Array) -> Array:
    """Metres (N,) travelled until each of the poses (N,4,4)."""
    return np.append(0.0, np.cumsum(np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1)))


def apart(T_first: Array, T_second: Array) -> tuple[Array, Array]:
    """Metres and degrees (N,) between poses (N,4,4) in the same frame."""
    between = se3.inverse(T_first) @ T_second
    return np.linalg.norm(between[:, :3, 3], axis=1), np.degrees(Rotation.from_matrix(between[:, :3, :3]).magnitude())


def _evo(poses: Array) -> PosePath3D:
    return PosePath3D(poses_se3=list(poses))
