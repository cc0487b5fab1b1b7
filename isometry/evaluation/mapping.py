"""Mapping measured: a recorded drive with odometry that drifts, and what the loops make of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isometry.datasets.kitti import KittiOdometry
from isometry.datasets.odometry import OdometryDrift, drifting_odometry
from isometry.evaluation.trajectory import path_error, planar_errors
from isometry.geometry import se3
from isometry.place_recognition.mapping import PlaceMapper, PlaceMapperParameters
from isometry.place_recognition.pipeline import PlaceRecognizer
from isometry.place_recognition.pose_graph import KeyframePoseGraph, Loop, PoseGraphParameters

Array = NDArray[np.float64]
RIGHT_METRES, RIGHT_DEGREES = 2.0, 5.0  # a loop further off than either, in the plane, is wrong


def evaluate_mapping(
    dataset: KittiOdometry,
    recognizer: PlaceRecognizer,
    drift: OdometryDrift,
    mapper_parameters: PlaceMapperParameters,
    graph_parameters: PoseGraphParameters,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> dict[str, Any]:
    """Drive the whole sequence once with an empty memory; positions and headings are judged in the plane.

    A loop counts as let in when it held the graph together after any scan, even if it was taken out later.
    """
    graph = KeyframePoseGraph(graph_parameters)
    mapper = PlaceMapper(recognizer, graph, mapper_parameters)
    odometry = drifting_odometry(dataset.poses, drift)
    keyframes: list[int] = []  # row of the dataset that each keyframe was made of
    let_in: dict[tuple[int, int], Loop] = {}
    refused, seconds = 0, []
    T_map_live = np.empty_like(odometry)
    for k in progress(range(len(dataset))):
        began = time.perf_counter()
        step = mapper.process(dataset.scan(k)[:, :3], odometry[k], round(dataset.times_s[k] * 1e9))
        seconds.append(time.perf_counter() - began)
        assert step.T_map_odom is not None  # an empty memory starts the map
        T_map_live[k] = step.T_map_odom @ odometry[k]
        if step.keyframe is not None:
            keyframes.append(k)
        refused += step.match.reason == "inconsistent_with_map"
        let_in.update({(loop.keyframe, loop.other): loop for loop in graph.loops})
    rows = np.array(keyframes)
    errors = {
        "odometry": path_figures(odometry[rows], dataset.poses[rows]),
        "mapped": path_figures(graph.optimise(), dataset.poses[rows]),
        "live": path_figures(T_map_live[rows], dataset.poses[rows]),
    }
    wrong = [loop for loop in let_in.values() if not is_right(loop, dataset.poses[rows])]
    return {
        "scans": len(dataset),
        "keyframes": len(rows),
        "loops_let_in": len(let_in),
        "loops_at_the_end": len(graph.loops),
        "loops_refused": refused,
        "wrong_loops_let_in": len(wrong),
        "wrong_loops": [sorted(dataset.frames[rows[[loop.keyframe, loop.other]]].tolist()) for loop in wrong],
        "path_error": errors,
        "path_error_ratio": errors["mapped"]["aligned_rmse_m"] / errors["odometry"]["aligned_rmse_m"],
        "path_error_ratio_unaligned": errors["mapped"]["rmse_m"] / errors["odometry"]["rmse_m"],
        "scan_ms": {"median": 1e3 * float(np.median(seconds)), "p99": 1e3 * float(np.percentile(seconds, 99))},
    }


def path_figures(T_path: Array, T_true: Array) -> dict[str, float]:
    """Errors of a path (N,4,4) in the plane: from the true first pose on, and best aligned by a rigid motion."""
    T_started = T_true[0] @ se3.inverse(T_path[0]) @ T_path
    metres, degrees = planar_errors(T_started, T_true)
    flat = np.array([1.0, 1.0, 0.0])
    return {
        "rmse_m": float(np.sqrt(np.mean(metres**2))),
        "max_m": float(metres.max()),
        "heading_rmse_deg": float(np.sqrt(np.mean(degrees**2))),
        "aligned_rmse_m": path_error(T_started[:, :3, 3] * flat, T_true[:, :3, 3] * flat),
    }


def is_right(loop: Loop, T_world_keyframe: Array) -> bool:
    """Whether a loop is within 2 m and 5 deg of the true transform between its keyframes, in the plane."""
    T_true = se3.inverse(T_world_keyframe[loop.keyframe]) @ T_world_keyframe[loop.other]
    metres, degrees = planar_errors(loop.T_keyframe_other[None], T_true[None])
    return bool(metres[0] < RIGHT_METRES and degrees[0] < RIGHT_DEGREES)
