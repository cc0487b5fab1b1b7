"""Positions of glassware that stands on a table, of which a depth camera measures little.

The truth is where the base of each object is, to about a centimetre; the turn about the upright is not known. A
detector says where glass is, and not which: the box of an object is the one whose lower side is nearest to its base.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from isometry.arrays import Array
from isometry.datasets.errors import DatasetError, naming
from isometry.datasets.glassware import GlasswareFrame, StandingObject
from isometry.datasets.mesh_file import read_mesh
from isometry.evaluation.common.calibration import inside_two_sigma
from isometry.evaluation.common.statistics import finite, median
from isometry.geometry import se3
from isometry.geometry.covariance import at_point
from isometry.object_pose.foot import middle_of_foot, standing_direction
from isometry.object_pose.mesh import prepare
from isometry.object_pose.model import ObjectModel, prepare_model
from isometry.object_pose.regions import Box, region_of_box
from isometry.object_pose.types import Observation, PoseEstimator

UPRIGHT_DEG = 10.0


@dataclass(frozen=True, eq=False)
class BaseResult:
    """One object in one frame; errors are infinite without a pose."""

    frame: str
    name: str
    reason: str
    metres: float  # of the base
    tilt_deg: float  # of the upright from the world's z axis
    other_metres: float | None  # of another method's answer
    error: Array  # (3,) metres, of the base, along the camera's axes
    covariance: Array  # (3,3) of the base


def measure(
    frames: Sequence[GlasswareFrame], estimator: PoseEstimator, advance: Callable[[int], None] = lambda done: None
) -> list[BaseResult]:
    """The errors of all objects. `advance` is told how many frames are done. Raises DatasetError naming a file."""
    model_of = lru_cache(None)(_model)
    results = []
    for done, frame in enumerate(frames, start=1):
        colour, depth = frame.colour(), frame.depth()
        for each in frame.objects:
            mask = region_of_box(_box_of(frame, each), depth.shape)
            with naming(frame.depth_path):
                observation = Observation(colour, depth, mask, frame.camera)
            results.append(_result(frame, each, observation, estimator, model_of(each.mesh_path)))
        advance(done)
    return results


def figures(results: Sequence[BaseResult]) -> dict[str, Any]:
    """Medians over all objects, and a row for each. Raises ValueError without objects."""
    if not results:
        raise ValueError("no object in any frame")
    answered = [each for each in results if np.isfinite(each.metres)]
    inside = (
        inside_two_sigma(np.array([each.error for each in answered]), np.array([each.covariance for each in answered]))
        if answered
        else np.zeros(3)
    )
    others = [each.other_metres for each in results if each.other_metres is not None]
    metres = np.array([each.metres for each in results])
    return {
        "n": len(results),
        "base_error_m": median([each.metres for each in results]),
        "base_error_p90_m": finite(float(np.percentile(metres, 90, method="higher"))),
        "within_2cm": float(np.mean(metres < 0.02)),
        "upright": float(np.mean([each.tilt_deg < UPRIGHT_DEG for each in results])),
        "inside_2_sigma": dict(zip("xyz", inside.tolist(), strict=True)) if answered else None,
        "refused": int(np.count_nonzero(~np.isfinite(metres))),
        "other_method_base_error_m": median(others),
        "objects": [
            {
                "frame": each.frame,
                "object": each.name,
                "reason": each.reason,
                "base_error_m": finite(each.metres),
                "tilt_deg": finite(each.tilt_deg),
                "other_method_base_error_m": each.other_metres,
            }
            for each in results
        ],
    }


def _model(path: Path) -> ObjectModel:
    mesh_file = read_mesh(path)
    with naming(path):
        mesh = prepare(*mesh_file)
        return prepare_model(mesh, upright=standing_direction(mesh))


def _box_of(frame: GlasswareFrame, each: StandingObject) -> Box:
    if len(frame.boxes) == 0:
        raise DatasetError(f"{frame.name}: no box of glass")
    base = se3.apply(se3.inverse(frame.T_world_camera), each.base_world)
    pixel = (frame.camera @ base)[:2] / base[2]
    foot = np.column_stack([frame.boxes[:, [0, 2]].mean(axis=1), frame.boxes[:, 3]])
    left, top, right, bottom = frame.boxes[np.argmin(np.linalg.norm(foot - pixel, axis=1))]
    return Box(0.5 * (left + right), 0.5 * (top + bottom), right - left, bottom - top)


def _result(
    frame: GlasswareFrame, each: StandingObject, seen: Observation, estimator: PoseEstimator, model: ObjectModel
) -> BaseResult:
    assert model.upright is not None
    foot = middle_of_foot(model.mesh, model.upright)
    other = None
    if each.other_T_world_object is not None:
        other = float(np.linalg.norm(se3.apply(each.other_T_world_object, foot) - each.base_world))
    answer = estimator.estimate(seen, model)
    T = answer.T_camera_object
    if T is None:
        nothing = np.full(3, np.inf)
        return BaseResult(frame.name, each.name, answer.reason, np.inf, np.inf, other, nothing, np.diag(nothing))
    error: Array = se3.apply(frame.T_world_camera @ T, foot) - each.base_world
    up = (frame.T_world_camera @ T)[:3, :3] @ model.upright
    tilt = float(np.degrees(np.arccos(np.clip(up[2], -1.0, 1.0))))
    return BaseResult(
        frame.name,
        each.name,
        answer.reason,
        float(np.linalg.norm(error)),
        tilt,
        other,
        frame.T_world_camera[:3, :3].T @ error,
        at_point(answer.covariance, T[:3, :3] @ foot)[:3, :3],
    )
