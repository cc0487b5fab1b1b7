"""How far predicted paths are from where objects went: ADE and FDE, against constant velocity and constant turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from isometry.arrays import Array, Flags
from isometry.evaluation.prediction.cases import MOVING_M, Case
from isometry.tracking.prediction.predictor import MotionPredictor
from isometry.tracking.types import PATH_STEP_S

HORIZONS_S = (1.0, 2.0, 3.0)
INSIDE_TWO_SIGMA = 6.180  # squared Mahalanobis distance in the plane that 95.45 % of normal errors are within
DEFINITIONS = {
    "judged": "objects labelled at each of the last 11 frames (1 s); a horizon needs all positions up to it",
    "unsure": "the ego-motion was estimated from the labels, and no stationary object was known at 90 % of the moments "
    "from 1 s before to 3 s after: where objects went is not known then; groups are without them unless they say so",
    "moving": f"moved more than {MOVING_M:g} m in the last second",
    "ade_m": "mean distance of all positions up to the horizon, mean over the cases",
    "fde_m": "distance at the horizon, mean over the cases",
    "inside_2_sigma": "share of positions at the horizon within two sigma of their covariance; 0.9545 when calibrated",
}


@dataclass(frozen=True)
class PredictionErrors:
    """Errors of one predictor in all cases: N rows, one for each judged object at each moment."""

    errors: Array  # (N,30) metres; NaN where the future is not known
    squared: Array  # (N,30) squared Mahalanobis distances
    moving: Flags  # (N,)
    ego_known: Flags  # (N,) as `Case.ego_known`
    labels: tuple[str, ...]  # (N,)
    rows: tuple[tuple[int, int], ...]  # (N,) number of the case, and of the object in it
    paths: Array  # (N,30,2)
    seconds: float  # of a prediction of one moment, median


@dataclass(frozen=True)
class GroupFigures:
    """Figures of one group of rows, by horizon in seconds as text; None where no future is known so far ahead."""

    n: dict[str, int]
    ade_m: dict[str, float | None]
    fde_m: dict[str, float | None]
    inside_2_sigma: dict[str, float | None]


@dataclass(frozen=True)
class MethodFigures:
    """Figures of one predictor."""

    groups: dict[str, GroupFigures]  # by name
    seconds: float  # of a prediction of one moment, median

    def as_json(self) -> dict[str, Any]:
        """One table: groups by name, and `seconds`."""
        return {name: asdict(group) for name, group in self.groups.items()} | {"seconds": self.seconds}


def predict_cases(cases: Sequence[Case], predictor: MotionPredictor, clock: Callable[[], float]) -> PredictionErrors:
    """Run a predictor on all cases: it is given all objects of a moment; errors are those of the judged ones.

    Raises ValueError where there is no case.
    """
    if not cases:
        raise ValueError("no object is labelled for a second and some time after: nothing can be judged")
    errors, squared, moving, ego_known, labels, rows, paths, seconds = [], [], [], [], [], [], [], []
    for number, case in enumerate(cases):
        began = clock()
        path, covariance = predictor.predict(case.histories, case.velocities, case.labels)
        seconds.append(clock() - began)
        off = (path - case.futures)[case.judged]
        errors.append(np.linalg.norm(off, axis=-1))
        solved = np.linalg.solve(covariance[case.judged], off[..., None])[..., 0]
        squared.append((off * solved).sum(axis=-1))
        moving.append(case.moving[case.judged])
        paths.append(path[case.judged])
        for k in np.flatnonzero(case.judged):
            labels.append(case.labels[k])
            ego_known.append(case.ego_known)
            rows.append((number, int(k)))
    return PredictionErrors(
        np.concatenate(errors),
        np.concatenate(squared),
        np.concatenate(moving),
        np.array(ego_known, bool),
        tuple(labels),
        tuple(rows),
        np.concatenate(paths),
        float(np.median(seconds)),
    )


def figures(errors: PredictionErrors) -> MethodFigures:
    """ADE, FDE and calibration at each horizon, for all objects, for moving ones, and for moving ones of each class."""
    labels, moving = np.array(errors.labels), errors.moving & errors.ego_known
    groups = {"all": errors.ego_known, "moving": moving}
    groups |= {f"moving {label}": moving & (labels == label) for label in sorted(set(errors.labels))}
    groups["moving, unsure"] = errors.moving & ~errors.ego_known
    groups["moving, sure or not"] = errors.moving
    return MethodFigures(
        {name: _of_group(errors, group) for name, group in groups.items() if group.any()}, errors.seconds
    )


def compared(methods: Mapping[str, MethodFigures], name: str, against: str, group: str) -> dict[str, float | None]:
    """How much lower the FDE of one predictor is than another's, as a share of the other's, in a group."""
    share: dict[str, float | None] = dict.fromkeys(_names())
    if group not in methods[name].groups:
        return share
    for horizon in share:
        ours, theirs = (methods[each].groups[group].fde_m[horizon] for each in (name, against))
        share[horizon] = None if ours is None or not theirs else 1.0 - ours / theirs
    return share


def worst(errors: PredictionErrors, count: int) -> list[int]:
    """Rows of the largest errors at the last horizon of moving objects, the largest first."""
    last = np.where(errors.moving & errors.ego_known, np.nan_to_num(errors.errors[:, -1], nan=-1.0), -1.0)
    return [int(row) for row in np.argsort(-last)[:count] if last[row] >= 0.0]


def _of_group(errors: PredictionErrors, group: Flags) -> GroupFigures:
    of_group = GroupFigures({}, {}, {}, {})
    for horizon, name in zip(HORIZONS_S, _names(), strict=True):
        steps = round(horizon / PATH_STEP_S)
        distances = errors.errors[group, :steps]
        whole = np.isfinite(distances).all(axis=1)
        inside = errors.squared[group, steps - 1][whole] < INSIDE_TWO_SIGMA
        of_group.n[name] = int(whole.sum())
        of_group.ade_m[name] = float(distances[whole].mean()) if whole.any() else None
        of_group.fde_m[name] = float(distances[whole, -1].mean()) if whole.any() else None
        of_group.inside_2_sigma[name] = float(inside.mean()) if whole.any() else None
    return of_group


def _names() -> Iterable[str]:
    return (f"{horizon:g}" for horizon in HORIZONS_S)
