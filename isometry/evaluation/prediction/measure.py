"""How far predicted paths are from where objects went: ADE and FDE, against the rules of constant velocity and turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.evaluation.prediction.cases import MOVING_M, Case
from isometry.tracking.prediction.predictor import MotionPredictor
from isometry.tracking.types import PATH_STEP_S

HORIZONS_S = (1.0, 2.0, 3.0)
INSIDE_TWO_SIGMA = 6.180  # squared Mahalanobis distance in the plane that 95.45 % of normal errors are within
DEFINITIONS = {
    "judged": "objects labelled at each of the last 11 frames (1 s); a horizon needs all positions up to it",
    "unsure": "the own motion was found from the labels, and nothing that stands was known to show it at 90 % of the "
    "moments from 1 s before to 3 s after: where objects went is not known then; groups are without them unless they "
    "say so",
    "moving": f"came more than {MOVING_M:g} m in the last second",
    "ade_m": "mean distance of all positions up to the horizon, mean over the cases",
    "fde_m": "distance at the horizon, mean over the cases",
    "inside_2_sigma": "share of positions at the horizon within two sigma of their covariance; 0.9545 is right",
}


@dataclass(frozen=True)
class Outcomes:
    """What one predictor foretold in all cases. N judged objects, one row for each moment."""

    errors: Array  # (N,30) metres; NaN where the future is not known
    squared: Array  # (N,30) squared Mahalanobis distances
    moving: NDArray[np.bool_]  # (N,)
    sure: NDArray[np.bool_]  # (N,)
    labels: tuple[str, ...]  # (N,)
    rows: tuple[tuple[int, int], ...]  # (N,) number of the case, and of the object in it
    paths: Array  # (N,30,2)
    seconds: float  # of a prediction of one moment, median


def foretell(cases: Sequence[Case], predictor: MotionPredictor, clock: Callable[[], float]) -> Outcomes:
    """Run a predictor on all cases; everybody who is there takes part, those who are judged count."""
    errors, squared, moving, sure, labels, rows, paths, seconds = [], [], [], [], [], [], [], []
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
            sure.append(case.sure)
            rows.append((number, int(k)))
    if not cases:
        raise ValueError("no object is labelled for a second and some time after: nothing can be judged")
    return Outcomes(
        np.concatenate(errors),
        np.concatenate(squared),
        np.concatenate(moving),
        np.array(sure, bool),
        tuple(labels),
        tuple(rows),
        np.concatenate(paths),
        float(np.median(seconds)),
    )


def figures(outcomes: Outcomes) -> dict[str, Any]:
    """ADE, FDE and calibration at each horizon, for all objects, for moving ones, and for moving ones of each class."""
    labels, moving = np.array(outcomes.labels), outcomes.moving & outcomes.sure
    groups = {"all": outcomes.sure, "moving": moving}
    groups |= {f"moving {label}": moving & (labels == label) for label in sorted(set(outcomes.labels))}
    groups["moving, unsure"] = outcomes.moving & ~outcomes.sure
    groups["moving, sure or not"] = outcomes.moving
    told = {name: _of_group(outcomes, group) for name, group in groups.items() if group.any()}
    return told | {"seconds": outcomes.seconds}


def compared(told: dict[str, dict[str, Any]], name: str, against: str, group: str) -> dict[str, float | None]:
    """How much lower the FDE of one predictor is than another's, as a share of the other's, in a group."""
    share: dict[str, float | None] = {}
    for horizon in _names():
        ours, theirs = (told[each].get(group, {}).get("fde_m", {}).get(horizon) for each in (name, against))
        share[horizon] = None if ours is None or not theirs else 1.0 - ours / theirs
    return share


def worst(outcomes: Outcomes, count: int) -> list[int]:
    """Rows of the largest errors at the last horizon of moving objects, the largest first."""
    last = np.where(outcomes.moving & outcomes.sure, np.nan_to_num(outcomes.errors[:, -1], nan=-1.0), -1.0)
    return [int(row) for row in np.argsort(-last)[:count] if last[row] >= 0.0]


def _of_group(outcomes: Outcomes, group: NDArray[np.bool_]) -> dict[str, Any]:
    told: dict[str, Any] = {"n": {}, "ade_m": {}, "fde_m": {}, "inside_2_sigma": {}}
    for horizon, name in zip(HORIZONS_S, _names(), strict=True):
        steps = round(horizon / PATH_STEP_S)
        errors = outcomes.errors[group, :steps]
        whole = np.isfinite(errors).all(axis=1)
        told["n"][name] = int(whole.sum())
        if not whole.any():
            told["ade_m"][name] = told["fde_m"][name] = told["inside_2_sigma"][name] = None
            continue
        told["ade_m"][name] = float(errors[whole].mean())
        told["fde_m"][name] = float(errors[whole, -1].mean())
        inside = outcomes.squared[group, steps - 1][whole] < INSIDE_TWO_SIGMA
        told["inside_2_sigma"][name] = float(inside.mean())
    return told


def _names() -> Iterable[str]:
    return (f"{horizon:g}" for horizon in HORIZONS_S)
