"""Mapping measured on a recorded drive with odometry that drifts.

Path error is the root mean square distance of the keyframes from their true positions, in the plane, in two ways:
"best_aligned" after the rigid motion that fits best, as trajectories are usually compared, and "same_start" with the
first pose moved to the true one, which includes the turn of the whole map by errors of the first metres.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from isometry.arrays import Array
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.datasets.odometry import OdometryDrift, drifting_odometry
from isometry.evaluation.common.trajectory import RIGHT_DEGREES, RIGHT_METRES, path_error, planar_errors
from isometry.evaluation.place_recognition.drives import Progress
from isometry.geometry import se3
from isometry.place_recognition.mapping import PlaceMapper, PlaceMapperParameters
from isometry.place_recognition.pipeline import PlaceRecognizer
from isometry.place_recognition.pose_graph import KeyframePoseGraph, Loop, PoseGraphParameters


def evaluate_mapping(
    dataset: KittiOdometry,
    driven: Sequence[int],
    recognizer: PlaceRecognizer,
    drift: OdometryDrift,
    mapper_parameters: PlaceMapperParameters,
    graph_parameters: PoseGraphParameters,
    progress: Progress = iter,
) -> dict[str, Any]:
    """Drive the rows `driven` of a sequence once, with a recogniser whose memory is empty.

    A loop counts as accepted when it was part of the graph after any scan, even if it was removed later.
    Raises ValueError for a drive with fewer than two keyframes.
    """
    graph = KeyframePoseGraph(graph_parameters)
    mapper = PlaceMapper(recognizer, graph, mapper_parameters)
    scans = np.asarray(driven)
    poses, stamps_ns = dataset.poses[scans], np.round(dataset.times_s[scans] * 1e9).astype(np.int64)
    odometry = drifting_odometry(poses, drift)
    keyframes: list[int] = []  # number of the scan of each keyframe
    accepted: dict[tuple[int, int], Loop] = {}
    refused, seconds = 0, []
    T_map_live = np.empty_like(odometry)
    for k in progress(range(len(scans))):
        began = time.perf_counter()
        step = mapper.process(dataset.scan(int(scans[k]))[:, :3], odometry[k], int(stamps_ns[k]))
        seconds.append(time.perf_counter() - began)
        assert step.T_map_odom is not None  # an empty memory starts the map
        T_map_live[k] = step.T_map_odom @ odometry[k]
        if step.keyframe is not None:
            keyframes.append(k)
        refused += step.match.reason == "inconsistent_with_map"
        accepted.update({(loop.keyframe, loop.other): loop for loop in graph.loops})
    if len(keyframes) < 2:
        raise ValueError(f"a drive of {len(scans)} scans that makes {len(keyframes)} keyframe has no path to judge")
    rows = np.array(keyframes)
    errors = {
        "odometry": path_figures(odometry[rows], poses[rows]),
        "mapped": path_figures(recognizer.memory.poses, poses[rows]),
        "live": path_figures(T_map_live[rows], poses[rows]),
    }
    wrong = [loop for loop in accepted.values() if not is_right(loop, poses[rows])]
    frames = dataset.frames[scans[rows]]
    return {
        "seed": drift.seed,
        "scans": len(scans),
        "keyframes": len(rows),
        "loops_let_in": len(accepted),
        "loops_at_the_end": len(graph.loops),
        "loops_refused": refused,
        "wrong_loops_let_in": len(wrong),
        "wrong_loops": [sorted(frames[[loop.keyframe, loop.other]].tolist()) for loop in wrong],
        "path_error": errors,
        "path_error_ratio": {
            way: errors["mapped"][f"{way}_rmse_m"] / errors["odometry"][f"{way}_rmse_m"]
            for way in ("best_aligned", "same_start")
        },
        "scan_ms": {"median": 1e3 * float(np.median(seconds)), "p99": 1e3 * float(np.percentile(seconds, 99))},
    }


def summary(drives: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Over drives with several seeds: ratios of the path errors, and the number of accepted wrong loops."""
    ratios = {way: [drive["path_error_ratio"][way] for drive in drives] for way in ("best_aligned", "same_start")}
    return {
        "path_error_ratio": {
            way: {"mean": float(np.mean(values)), "worst": max(values)} for way, values in ratios.items()
        },
        "wrong_loops_let_in": sum(drive["wrong_loops_let_in"] for drive in drives),
    }


def path_figures(T_path: Array, T_true: Array) -> dict[str, float]:
    """Path errors of poses (N,4,4), and errors of their headings with the same start."""
    T_started = T_true[0] @ se3.inverse(T_path[0]) @ T_path
    metres, degrees = planar_errors(T_started, T_true)
    flat = np.array([1.0, 1.0, 0.0])
    return {
        "best_aligned_rmse_m": path_error(T_started[:, :3, 3] * flat, T_true[:, :3, 3] * flat),
        "same_start_rmse_m": float(np.sqrt(np.mean(metres**2))),
        "same_start_max_m": float(metres.max()),
        "heading_rmse_deg": float(np.sqrt(np.mean(degrees**2))),
    }


def is_right(loop: Loop, T_world_keyframe: Array) -> bool:
    """Whether a loop differs by less than 2 m and 5 deg from the true transform of its keyframes, in the plane."""
    T_true = se3.inverse(T_world_keyframe[loop.keyframe]) @ T_world_keyframe[loop.other]
    metres, degrees = planar_errors(loop.T_keyframe_other[None], T_true[None])
    return bool(metres[0] < RIGHT_METRES and degrees[0] < RIGHT_DEGREES)
