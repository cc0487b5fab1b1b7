"""Measures a depth model on recordings with measured depth, beside a constant and the mean image."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Index
from isometry.datasets.rgbd.recording import CameraRecording
from isometry.depth_egomotion.depth_model import DepthEstimate, DepthModel
from isometry.depth_egomotion.frame import rectified
from isometry.evaluation.common.camera_frames import camera_frame
from isometry.evaluation.depth.metrics import SCALINGS, DepthErrors, angles_deg, depth_errors
from isometry.evaluation.depth.trivial import trivial_depths
from isometry.sensing.normals import normals

NAMES = ("abs_rel", "rmse_m", "delta_1.25")
MODEL = "model"
TrueDepth = Callable[[CameraRecording, int], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class JudgedFrame:
    """One frame: the errors of the model and of what needs no image, and what else was measured."""

    recording: CameraRecording
    k: int
    errors: dict[str, dict[str, DepthErrors]]  # by predictor and scaling
    inside_2_sigma: float | None  # share of the pixels
    normals_deg: float | None  # median error of the normals; None where no surface shows its own
    seconds: float
    processor_seconds: float


def measured_depth(recording: CameraRecording, k: int) -> NDArray[np.float32]:
    """Depth (H,W) in metres of the k-th frame, registered to colour. Raises ValueError where there is no depth."""
    depth = rectified(camera_frame(recording, k)).depth
    if depth is None:
        raise ValueError(f"{recording.name}: no depth images to compare with")
    return depth


def judge(
    model: DepthModel,
    recording: CameraRecording,
    frames: Index,
    reference: Index,
    true_depth: TrueDepth = measured_depth,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[JudgedFrame]:
    """Each of `frames` of a recording; those in which nothing was measured are left out.

    A constant and a mean image are made of the frames in `reference`.
    """
    trivial = trivial_depths(true_depth(recording, int(k)) for k in reference)
    for done, k in enumerate(frames.tolist(), start=1):
        true = true_depth(recording, k)
        if (true > 0.0).any():
            yield judged_frame(model, recording, k, true, trivial)
        progress(done, len(frames))


def judged_frame(
    model: DepthModel, recording: CameraRecording, k: int, true: NDArray[np.float32], trivial: dict[str, Array]
) -> JudgedFrame:
    """One frame whose true depth (H,W) is known in places."""
    image = recording.colour(k)
    began, processor_began = time.perf_counter(), time.process_time()
    estimate = model.predict(image, recording.camera)
    seconds, processor_seconds = time.perf_counter() - began, time.process_time() - processor_began
    known = true > 0.0
    predictors: dict[str, NDArray[np.floating]] = {MODEL: estimate.depth, **trivial}
    errors = {
        name: {scaling: depth_errors(depth[known], true[known], scaling == "scaled") for scaling in SCALINGS}
        for name, depth in predictors.items()
    }
    inside = None
    if estimate.sigma is not None:
        inside = float((np.abs(estimate.depth - true)[known] < 2.0 * estimate.sigma[known]).mean())
    return JudgedFrame(
        recording, k, errors, inside, normals_error_deg(estimate, true, recording), seconds, processor_seconds
    )


def normals_error_deg(estimate: DepthEstimate, true: NDArray[np.float32], recording: CameraRecording) -> float | None:
    """Median angle between the estimated normals and those of the measured depth, where both are known."""
    of_truth = normals(true, recording.camera.matrix)
    counted = np.isfinite(of_truth + estimate.normals).all(axis=2)
    return float(np.median(angles_deg(estimate.normals, of_truth, counted))) if counted.any() else None


def figures(judged: Sequence[JudgedFrame]) -> dict[str, Any]:
    """Means over frames, by figure, scaling and predictor; medians of times. Raises ValueError without frames."""
    if not judged:
        raise ValueError("no frame with measured depth to judge")
    by_figure = {
        name: {
            scaling: {
                predictor: float(np.mean([frame.errors[predictor][scaling][column] for frame in judged]))
                for predictor in judged[0].errors
            }
            for scaling in SCALINGS
        }
        for column, name in enumerate(NAMES)
    }
    inside = [frame.inside_2_sigma for frame in judged if frame.inside_2_sigma is not None]
    angles = [frame.normals_deg for frame in judged if frame.normals_deg is not None]
    return {
        "n": len(judged),
        **by_figure,
        "inside_2_sigma": float(np.mean(inside)) if inside else None,
        "normals_error_deg": float(np.median(angles)) if angles else None,
        "seconds_per_frame": float(np.median([frame.seconds for frame in judged])),
        "processor_seconds_per_frame": float(np.median([frame.processor_seconds for frame in judged])),
    }
