"""The evaluations of place recognition: a database and queries of one drive, or of two drives through a world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from isometry.evaluation.place_recognition.drives import Drive, Progress, WorldDrive
from isometry.evaluation.place_recognition.figures import elsewhere_figures, figures, sweep_figures, world_figures
from isometry.evaluation.place_recognition.measure import build_database, query, query_elsewhere
from isometry.place_recognition.pipeline import PlaceRecognizer


def evaluate(
    drive: Drive,
    database: Sequence[int],
    queries: Sequence[int],
    recognizer: PlaceRecognizer,
    revisit_radius: float,
    yaws_deg: Sequence[float],
    progress: Progress = iter,
) -> dict[str, Any]:
    """All figures: those of the first yaw, and with several yaws the recall at each of them as `yaw_sweep`."""
    build_database(drive, database, recognizer, progress)
    bytes_per_keyframe = recognizer.memory.bytes_per_keyframe
    runs = {}
    for yaw in yaws_deg:
        results = query(drive, queries, recognizer, revisit_radius, float(np.radians(yaw)), progress)
        runs[f"{yaw:g}"] = figures(results, revisit_radius, bytes_per_keyframe)
    result = dict(next(iter(runs.values())))
    if len(runs) > 1:
        result["yaw_sweep"] = sweep_figures(runs)
    return result


def evaluate_elsewhere(
    drive: Drive,
    database: Sequence[int],
    queries: Sequence[int],
    recognizer: PlaceRecognizer,
    excluded_m: float,
    progress: Progress = iter,
) -> dict[str, Any]:
    """The figures where no query has a revisit: the keyframes within `excluded_m` metres of each are hidden from it.

    The recogniser's memory must be a `measure.ScreenedMemory`.
    """
    build_database(drive, database, recognizer, progress)
    return elsewhere_figures(query_elsewhere(drive, queries, recognizer, excluded_m, progress))


def evaluate_world(
    drive: WorldDrive, every: int, recognizer: PlaceRecognizer, revisit_radius: float, progress: Progress = iter
) -> dict[str, Any]:
    """The figures of a world, of every so many-th scan of the second drive; also by what can be known there."""
    build_database(drive, drive.database, recognizer, progress)
    results = query(drive, drive.queries[::every], recognizer, revisit_radius, progress=progress)
    return figures(results, revisit_radius, recognizer.memory.bytes_per_keyframe) | world_figures(results)
