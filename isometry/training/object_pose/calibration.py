"""Fits the constants of `object_pose/calibration.py` to poses in simulated scenes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from isometry.arrays import Array, Flags
from isometry.evaluation.object_pose import metrics
from isometry.evaluation.object_pose.cases import Case
from isometry.object_pose import calibration
from isometry.object_pose.model import ObjectModel, without_colours
from isometry.object_pose.types import ObjectPose, PoseEstimator
from isometry.training.common.fitting import two_sigma_scale, weights_of_evidence

LEAST_VISIBLE = 0.1  # share of a silhouette: less is seen than where poses are judged
PLAIN_EVERY = 4  # one object in so many loses the colours of its mesh
MISNAMED_EVERY = 6  # one object in so many has the name of another one
MASK_SHIFT, MASK_WOBBLE, MASK_PATCH = 1.5, 1.0, 6.0  # pixels by which masks are off: at most, and along the border
SYMMETRY_STEP = 0.05  # radians
REGULARISATION = 1e-3


class EstimatedPose(NamedTuple):
    """An answer, its error and whether it is right."""

    answer: ObjectPose
    error: Array  # (6,) x, y, z in metres and a rotation vector in radians, in the camera's frame
    floor: Array  # (6,) variances that its covariance has at least
    right: bool


def estimated(
    cases: Iterable[Case], models: Mapping[int, ObjectModel], estimator: PoseEstimator, seed: int
) -> Iterator[EstimatedPose]:
    """The poses of cases as a detector would show them: by masks that are some pixels off, some by another name.

    `models` are those of all objects by number: a case in `MISNAMED_EVERY` is compared with another one, whose pose
    is never right, and one in `PLAIN_EVERY` with one without colours. Refusals are left out.
    """
    random = np.random.default_rng(seed)
    plain = lru_cache(None)(lambda number: without_colours(models[number]))
    for case in cases:
        number, names = case.instance.object_number, list(models)
        misnamed = len(names) > 1 and bool(random.integers(MISNAMED_EVERY) == 0)
        while misnamed and number == case.instance.object_number:
            number = names[int(random.integers(len(names)))]
        model = plain(number) if random.integers(PLAIN_EVERY) == 0 else models[number]
        mask = disturbed(case.observation.mask, random)
        if not mask.any():
            continue
        answer = estimator.estimate(replace(case.observation, mask=mask), model)
        T = answer.T_camera_object
        if T is None:
            continue
        symmetries = metrics.symmetry_transforms(case.prepared.info, SYMMETRY_STEP)
        error = metrics.error_vector(T, case.T_camera_object, symmetries)
        near = np.linalg.norm(error[:3]) < calibration.RIGHT_METRES
        right = near and not misnamed and np.linalg.norm(error[3:]) < calibration.RIGHT_RADIANS
        floor = np.diagonal(calibration.floor(T, model))
        yield EstimatedPose(answer, error, floor, bool(right))


def disturbed(mask: Flags, random: np.random.Generator) -> Flags:
    """A mask (H,W) with its border off by some pixels, alike at places that are near each other."""
    distance = ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)
    wobble = ndimage.gaussian_filter(random.normal(size=mask.shape), MASK_PATCH)
    off = MASK_WOBBLE * wobble / wobble.std() + random.uniform(-MASK_SHIFT, MASK_SHIFT)
    return np.asarray(distance < off)


def fit_confidence(poses: Sequence[EstimatedPose]) -> dict[str, float]:
    """Weights of a logistic regression of right poses on the evidence. Raises ValueError where all are, or none."""
    if len({pose.right for pose in poses}) < 2:
        raise ValueError(f"{len(poses)} poses, and not both right and wrong ones among them")
    names = list(calibration.SIGNS)
    evidence = np.array([[pose.answer.evidence[name] for name in names] for pose in poses])
    given = np.array([pose.answer.evidence["alike"] for pose in poses])
    right = np.array([pose.right for pose in poses])
    return weights_of_evidence(names, evidence, right, REGULARISATION, given, list(calibration.SIGNS.values()))


def fit_variance_scale(poses: Sequence[EstimatedPose]) -> float:
    """The factor on variances at which errors of right poses lie within two sigma as often as normal ones do.

    Only poses without a rival count, whose error is that of one mode.
    """
    clear = [pose for pose in poses if pose.right and len(pose.answer.modes) == 1 and pose.answer.modes[0].axis is None]
    if not clear:
        raise ValueError("no pose is right and without a rival")
    floors = np.array([pose.floor for pose in clear])
    variances = np.array([np.diagonal(pose.answer.covariance) for pose in clear]) - floors
    errors = np.array([pose.error for pose in clear])
    return two_sigma_scale(errors, variances / calibration.VARIANCE_SCALE, floors)
