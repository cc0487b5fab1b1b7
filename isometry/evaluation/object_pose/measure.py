"""Object poses measured on labelled instances: recalls, errors, modes, trust in the confidence, and time.

Every instance counts: where there is no pose, it is a miss with infinite errors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isometry.arrays import Array
from isometry.evaluation.common.calibration import inside_two_sigma
from isometry.evaluation.common.statistics import finite, median
from isometry.evaluation.object_pose import metrics, visible_surface
from isometry.evaluation.object_pose.cases import Case
from isometry.object_pose.calibration import RIGHT_METRES, RIGHT_RADIANS
from isometry.object_pose.own_pixels import estimated
from isometry.object_pose.surface import sample
from isometry.object_pose.tracking import ObjectTracker
from isometry.object_pose.tracks import moved
from isometry.object_pose.types import ObjectPose, PoseEstimator

THRESHOLDS = {"recall_5deg_2cm": (5.0, 0.02), "recall_10deg_2cm": (10.0, 0.02)}  # degrees, metres
MODE_DEG = 10.0
ADD_S_SHARE = 0.1  # of the diameter
CONFIDENT, WRONG_DEG, RIGHT_M = 0.9, float(np.degrees(RIGHT_RADIANS)), RIGHT_METRES
POINTS = 2000  # of the surface, for the errors of points
NO_INSTANCE = "no instance of a frame with depth is at least 30 % visible"
NO_POSE: dict[str, Any] = {
    **dict.fromkeys(("rotation_deg", "translation_m", "shape_rotation_deg", "shape_translation_m", "mode_deg"), np.inf),
    **dict.fromkeys(("add_s_m", "mssd_m", "mspd_px"), np.inf),
    "error": np.full(6, np.inf),
    "vsd": np.ones(len(visible_surface.TOLERANCES)),
}
"""The errors of a refusal."""
USUAL_COLUMNS = 640.0  # of an image, to which thresholds in pixels refer


@dataclass(frozen=True, eq=False)
class InstanceResult:
    """An instance, the answer and its errors; these are infinite without a pose."""

    case: Case
    answer: ObjectPose
    rotation_deg: float  # up to the symmetries that the data set states
    translation_m: float
    shape_rotation_deg: float  # up to the symmetry of the mesh's shape as well
    shape_translation_m: float
    mode_deg: float  # of the nearest mode
    error: Array  # (6,) x, y, z in metres and a rotation vector in radians, to the nearest of the true poses
    add_s_m: float
    mssd_m: float
    mspd_px: float
    vsd: Array  # (10,) shares, one for each of BOP's tolerances
    seconds: float  # wall time, with a model that is prepared
    processor_seconds: float
    followed: bool = False  # from the frame before
    lost: bool = False  # it had been followed, and was estimated anew

    def within(self, degrees: float, metres: float, shape: bool = False) -> bool:
        """Whether both errors are below a threshold."""
        right = self.rotation_deg < degrees and self.translation_m < metres
        return right or (shape and self.shape_rotation_deg < degrees and self.shape_translation_m < metres)


def measure(
    cases: Iterable[Case], estimator: PoseEstimator, advance: Callable[[int], None] = lambda done: None
) -> list[InstanceResult]:
    """Estimate the poses of all instances, and compare them with the true ones. `advance` is told how many are done."""
    results = []
    for case in cases:
        began = Clock()
        answer = estimated(case.observation, case.prepared.model, estimator)
        results.append(compared(case, answer, began.seconds()))
        advance(len(results))
    return results


def track(
    cases: Iterable[Case], estimator: PoseEstimator, advance: Callable[[int], None] = lambda done: None
) -> list[InstanceResult]:
    """Follow each object from frame to frame, from its own first pose; the frames of a scene must come in order.

    The estimator is asked in the first frame, and again, with the mask of that frame, where an object was lost.
    """
    results: list[InstanceResult] = []
    followed: dict[tuple[int, int, int], tuple[ObjectTracker, ObjectPose]] = {}
    for case in cases:
        key = case.frame.scene, case.instance.object_number, case.instance.number
        began = Clock()
        seen, known = case.observation, followed.pop(key, None)
        answer = None
        if known is not None:
            tracker, before = known
            sighting = tracker.follow(seen.colour, seen.depth, seen.camera, before.modes[0].T_camera_object)
            answer = None if sighting is None else moved(before, sighting, tracker.model)
        lost = known is not None and answer is None
        if answer is None:
            answer = estimated(case.observation, case.prepared.model, estimator)
            if answer.modes:
                first = answer.modes[0].T_camera_object
                tracker = ObjectTracker(case.prepared.model, seen.colour, seen.depth, seen.camera, first)
        if answer.modes:
            followed[key] = tracker, answer
        results.append(compared(case, answer, began.seconds(), known is not None and not lost, lost))
        advance(len(results))
    return results


class Clock:
    """Time since it was made."""

    def __init__(self) -> None:
        self._began, self._worked = time.perf_counter(), time.process_time()

    def seconds(self) -> tuple[float, float]:
        """Wall time and processor time."""
        return time.perf_counter() - self._began, time.process_time() - self._worked


def compared(
    case: Case, answer: ObjectPose, times: tuple[float, float], followed: bool = False, lost: bool = False
) -> InstanceResult:
    """The errors of an answer that took so many seconds, wall time and processor time."""
    T_estimated, T_true = answer.T_camera_object, case.T_camera_object
    if T_estimated is None:
        return InstanceResult(case, answer, **NO_POSE, seconds=times[0], processor_seconds=times[1], lost=lost)
    model, symmetries = case.prepared.model, metrics.symmetry_transforms(case.prepared.info)
    points = sample(model.mesh, POINTS).points
    rotation, translation = metrics.pose_error(T_estimated, T_true, symmetries)
    shape_rotation, shape_translation = metrics.shape_error(T_estimated, T_true, model.symmetry.shape)
    return InstanceResult(
        case,
        answer,
        float(np.degrees(rotation)),
        translation,
        float(np.degrees(shape_rotation)),
        shape_translation,
        float(np.degrees(metrics.mode_error(answer.modes, T_true, symmetries))),
        metrics.error_vector(T_estimated, T_true, symmetries),
        metrics.add_s(T_estimated, T_true, points),
        metrics.mssd(T_estimated, T_true, symmetries, points),
        metrics.mspd(T_estimated, T_true, symmetries, points, case.frame.camera),
        visible_surface.vsd(
            T_estimated, T_true, model.renderer, case.observation.depth, case.frame.camera, case.prepared.info.diameter
        ),
        *times,
        followed,
        lost,
    )


def figures(results: Sequence[InstanceResult]) -> dict[str, Any]:
    """All figures, and a row for each instance. Raises ValueError without instances."""
    if not results:
        raise ValueError(NO_INSTANCE)
    recalls = {
        name + suffix: _share([r.within(*limits, shape=bool(suffix)) for r in results])
        for suffix in ("", "_shape")
        for name, limits in THRESHOLDS.items()
    }
    diameters = np.array([r.case.prepared.info.diameter for r in results])
    columns = np.array([r.case.observation.mask.shape[1] for r in results])
    mssd, mspd = np.array([r.mssd_m for r in results]), np.array([r.mspd_px for r in results])
    confident = [r for r in results if r.answer.confidence > CONFIDENT]
    prepared = {r.case.instance.object_number: r.case.prepared.seconds for r in results}
    return {
        "n": len(results),
        **recalls,
        "mode_recall": _share([r.mode_deg < MODE_DEG for r in results]),
        "add_s_recall_0.1d": _share([r.add_s_m < ADD_S_SHARE * d for r, d in zip(results, diameters, strict=True)]),
        "ar_mssd": float(np.mean((mssd / diameters)[:, None] < metrics.MSSD_THRESHOLDS)),
        "ar_mspd": float(np.mean((mspd / columns * USUAL_COLUMNS)[:, None] < metrics.MSPD_THRESHOLDS)),
        "ar_vsd": visible_surface.average_recall(np.array([r.vsd for r in results])),
        "translation_error_m": median([r.translation_m for r in results]),
        "rotation_error_deg": median([r.rotation_deg for r in results]),
        "overconfident": _share([r.rotation_deg > WRONG_DEG for r in confident]),
        "confident": len(confident),
        "inside_2_sigma": _inside_two_sigma(results),
        "refused": sum(not r.answer.modes for r in results),
        **_times([r for r in results if not r.followed]),
        "preparation_processor_seconds": median(list(prepared.values())),
        "instances": [_row(r) for r in results],
    }


def tracking_figures(results: Sequence[InstanceResult]) -> dict[str, Any]:
    """Frames in which an object was lost, and times of the others."""
    followed = [r for r in results if r.followed]
    seconds = {f"{name}_per_frame": value for name, value in _times(followed).items()}
    return {"followed_frames": len(followed), "lost_frames": sum(r.lost for r in results), **seconds}


def _inside_two_sigma(results: Sequence[InstanceResult]) -> dict[str, float] | None:
    """Share of the errors inside two standard deviations, of poses that are right and have no free axis."""
    right = [r for r in results if r.within(WRONG_DEG, RIGHT_M) and all(mode.axis is None for mode in r.answer.modes)]
    if not right:
        return None
    shares = inside_two_sigma(np.array([r.error for r in right]), np.array([r.answer.covariance for r in right]))
    return dict(zip(("x", "y", "z", "roll", "pitch", "yaw"), shares.tolist(), strict=True))


def _times(results: Sequence[InstanceResult]) -> dict[str, float | None]:
    """Medians."""
    return {
        "seconds": median([r.seconds for r in results]),
        "processor_seconds": median([r.processor_seconds for r in results]),
    }


def _share(flags: Sequence[bool]) -> float:
    """The share that is true; 0 of none."""
    return float(np.mean(flags)) if flags else 0.0


def _row(result: InstanceResult) -> dict[str, Any]:
    case, answer = result.case, result.answer
    return {
        "scene": case.frame.scene,
        "frame": case.frame.number,
        "instance": case.instance.number,
        "object": case.instance.object_number,
        "visib_fract": case.visible,
        "reason": answer.reason,
        "confidence": answer.confidence,
        "modes": len(answer.modes),
        "axis": any(mode.axis is not None for mode in answer.modes),
        "rotation_error_deg": finite(result.rotation_deg),
        "translation_error_m": finite(result.translation_m),
        "shape_rotation_error_deg": finite(result.shape_rotation_deg),
        "shape_translation_error_m": finite(result.shape_translation_m),
        "mode_rotation_error_deg": finite(result.mode_deg),
        "add_s_m": finite(result.add_s_m),
        "mssd_m": finite(result.mssd_m),
        "mspd_px": finite(result.mspd_px),
        "vsd": float(result.vsd.mean()),
        "T_camera_object": None if answer.T_camera_object is None else answer.T_camera_object.tolist(),
        "evidence": answer.evidence,
        "followed": result.followed,
        "lost": result.lost,
        "seconds": result.seconds,
        "processor_seconds": result.processor_seconds,
    }
