"""Whether the answer turns with the input: images rolled about the optical axis, and meshes turned in their frame.

A rolled image is sampled anew by nearest pixels, which changes it a little; a turned mesh is prepared anew. The depth
image is a cloud, so turning the cloud and the camera is rolling the image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import AnyArray, Array
from isometry.evaluation.common.statistics import finite, median
from isometry.evaluation.object_pose.cases import Case
from isometry.evaluation.object_pose.measure import NO_INSTANCE
from isometry.geometry import se3
from isometry.object_pose.mesh import prepare
from isometry.object_pose.model import ObjectModel, prepare_model
from isometry.object_pose.own_pixels import estimated
from isometry.object_pose.types import Observation, PoseEstimator

WITHIN_DEG = 1.0


class Turn(NamedTuple):
    """By how much two answers differ, once the turn of the input is undone; infinite where one of them is a refusal."""

    degrees: float  # up to the symmetry of the mesh with its colours
    shape_degrees: float  # up to that of its shape
    metres: float


def turn_inputs(
    cases: Iterable[Case],
    estimator: PoseEstimator,
    what: str,
    seed: int,
    advance: Callable[[int], None] = lambda done: None,
) -> list[Turn]:
    """Compare the answers for `what`, "image" or "mesh", turned at random, with those for the input as it is."""
    random = np.random.default_rng(seed)
    turned_model = lru_cache(None)(lambda number, model: _turned_model(model, seed + number))
    turns = []
    for case in cases:
        model = case.prepared.model
        before = estimated(case.observation, model, estimator).T_camera_object
        if what == "image":
            seen, rotation = rolled(case.observation, float(random.uniform(0.0, 2.0 * np.pi)))
            after = estimated(seen, model, estimator).T_camera_object
            back = None if after is None else se3.from_rotation_translation(rotation.T, np.zeros(3)) @ after
        else:
            turned, rotation = turned_model(case.instance.object_number, model)
            after = estimated(case.observation, turned, estimator).T_camera_object
            back = None if after is None else after @ se3.from_rotation_translation(rotation, np.zeros(3))
        turns.append(_compared(before, back, model))
        advance(len(turns))
    return turns


def turning_figures(turns: list[Turn], what: str) -> dict[str, Any]:
    """Medians, the 90th percentile and the share within a degree. Raises ValueError without instances."""
    if not turns:
        raise ValueError(NO_INSTANCE)
    degrees = np.array([turn.degrees for turn in turns])
    shape = np.array([turn.shape_degrees for turn in turns])
    return {
        "n": len(turns),
        "turned": what,
        "refused": int(np.count_nonzero(~np.isfinite(shape))),
        "difference_deg": median(degrees.tolist()),
        "difference_shape_deg": median(shape.tolist()),
        "difference_shape_deg_p90": finite(float(np.percentile(shape, 90, method="higher"))),
        "difference_m": median([turn.metres for turn in turns]),
        "within_1deg": float(np.mean(degrees < WITHIN_DEG)),
        "within_1deg_shape": float(np.mean(shape < WITHIN_DEG)),
    }


def rolled(observation: Observation, radians: float) -> tuple[Observation, Array]:
    """An observation as a camera sees it that is rolled about its optical axis, and that rotation (3,3).

    The image is a square that holds all of it.
    """
    rotation: Array = Rotation.from_rotvec([0.0, 0.0, radians]).as_matrix()
    height, width = observation.mask.shape
    corners = np.array([[0.0, 0.0], [width, 0.0], [0.0, height], [width, height]])
    side = 2 * int(np.ceil(np.linalg.norm(corners - observation.camera[:2, 2], axis=1).max()))
    camera = observation.camera.copy()
    camera[:2, 2] = 0.5 * (side - 1)
    v, u = np.indices((side, side)).reshape(2, -1)
    rays = np.linalg.inv(camera) @ np.stack([u, v, np.ones(u.size)])
    columns, rows = np.round((observation.camera @ rotation.T @ rays)[:2]).astype(np.intp)
    known = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)

    def sampled(image: AnyArray) -> AnyArray:
        square = np.zeros((side * side, *image.shape[2:]), image.dtype)
        square[known] = image[rows[known], columns[known]]
        return square.reshape(side, side, *image.shape[2:])

    colour, depth, mask = (sampled(each) for each in (observation.colour, observation.depth, observation.mask))
    return Observation(colour, depth, mask, camera, observation.exact), rotation


def _turned_model(model: ObjectModel, seed: int) -> tuple[ObjectModel, Array]:
    rotation: Array = Rotation.random(random_state=seed).as_matrix()
    mesh = model.mesh
    return prepare_model(prepare(mesh.vertices @ rotation.T, mesh.faces, mesh.colours)), rotation


def _compared(T_before: Array | None, T_after: Array | None, model: ObjectModel) -> Turn:
    if T_before is None or T_after is None:
        return Turn(np.inf, np.inf, np.inf)
    groups = model.symmetry.coloured, model.symmetry.shape
    degrees, shape = (float(np.degrees(group.angle(T_after[:3, :3], T_before[:3, :3]))) for group in groups)
    middles = [se3.apply(T, model.symmetry.shape.centre) for T in (T_before, T_after)]
    return Turn(degrees, shape, float(np.linalg.norm(middles[0] - middles[1])))
