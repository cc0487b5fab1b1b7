"""Fits the constants of `place_recognition/calibration.py` to the training drive and to worlds that repeat themselves.

revisits   the training drive: its second part against its first
elsewhere  the training drive against itself without the places around: there every answer is wrong
worlds     two drives through a simulated world, of which the first leaves out a part
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isometry.evaluation.place_recognition.drives import Drive, Progress, WorldDrive
from isometry.evaluation.place_recognition.measure import QueryResult, build_database, query, query_elsewhere
from isometry.geometry import se3
from isometry.place_recognition import calibration
from isometry.place_recognition.pipeline import PlaceRecognizer
from isometry.simulation.worlds.registry import build_world
from isometry.training.common.fitting import two_sigma_scale, weights_of_evidence

REGULARISATION = 1e-3
TURN_RADIANS = 0.6  # of each query of the revisits
ELSEWHERE_METRES = 60.0  # beyond which no scan shows anything of the query's place
WORLD_SPACING_METRES = 2.0
REVISIT_METRES = 5.0


@dataclass(frozen=True)
class Sampling:
    """Rows of the training drive, and every how many-th query of each kind is used."""

    database: range
    queries: range
    revisits: int = 4
    elsewhere: int = 8
    worlds: int = 6


def revisit_results(drive: Drive, recognizer: PlaceRecognizer, rows: Sampling, progress: Progress) -> list[QueryResult]:
    """Answers to the drive's queries."""
    build_database(drive, rows.database, recognizer, progress)
    queries = rows.queries[:: rows.revisits]
    return query(drive, queries, recognizer, REVISIT_METRES, TURN_RADIANS, progress)


def elsewhere_results(
    drive: Drive, recognizer: PlaceRecognizer, rows: Sampling, progress: Progress
) -> list[QueryResult]:
    """Answers to all of the drive, each without the places around. The recogniser has a `ScreenedMemory`."""
    everything = range(rows.database.start, rows.queries.stop)
    build_database(drive, everything, recognizer, progress)
    return query_elsewhere(drive, everything[:: rows.elsewhere], recognizer, ELSEWHERE_METRES, progress)


def world_results(
    name: str, seed: int, recognizer: PlaceRecognizer, rows: Sampling, progress: Progress
) -> list[QueryResult]:
    """Answers to every so many-th scan of the second drive through a world."""
    drive = WorldDrive(build_world(name, seed), seed, WORLD_SPACING_METRES)
    build_database(drive, drive.database, recognizer, progress)
    return query(drive, drive.queries[:: rows.worlds], recognizer, REVISIT_METRES, progress=progress)


def decided(results: Sequence[QueryResult]) -> list[QueryResult]:
    """The answers without right poses by a keyframe further away than a revisit, which says little about the place."""
    return [result for result in results if result.has_revisit or not result.pose_right]


def fit_confidence(results: Sequence[QueryResult]) -> dict[str, float]:
    """Weights of a logistic regression of right poses on the evidence for them.

    The weights of the standardised evidence are penalised; those of the evidence itself are returned.
    """
    names = [name for name in calibration.WEIGHTS if name != "offset"]
    evidence = np.array([[r.match.evidence[name] for name in names] for r in results])
    right = np.array([r.pose_right for r in results])
    return weights_of_evidence(names, evidence, right, REGULARISATION)


def fit_variance_scale(results: Sequence[QueryResult]) -> float:
    """The scale at which the errors of right poses lie within two sigma as often as a normal error would."""
    errors, variances, floors = [], [], []
    for r in results:
        if r.pose_right and r.match.covariance is not None and r.match.T_keyframe_query is not None:
            floor = calibration.floor(se3.yaw(r.match.T_keyframe_query))
            in_plane = r.match.covariance[np.ix_(calibration.IN_PLANE, calibration.IN_PLANE)]
            errors.append(r.pose_error)
            variances.append(np.diagonal(in_plane - floor) / calibration.VARIANCE_SCALE)
            floors.append(np.diagonal(floor))
    return two_sigma_scale(np.array(errors), np.array(variances), np.array(floors))
