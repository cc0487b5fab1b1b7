"""Place recognition with a planar laser, a type of sensor on which the network was not trained.

Protocol. A relation between two scans far apart in time is a revisit that a person has checked. Its later scan is the
query; the database is every keyframe older by more than `REVISIT_SECONDS`, as for a robot that maps while it drives: a
keyframe of a few seconds ago would be of the same visit. True positions are those of a pose graph of odometry and all
relations. A keyframe within 2 m of the query is right at any heading, although the laser covers half a circle: a
revisit in the opposite direction may have little in common with it.

A building is smaller than a street. All lengths are first multiplied by `scale`, so that the readings fill the image as
those of a street do. At 3, the image covers 8.5 m around the robot in cells of 13 cm, and 90 % of the readings of the
log `aces`. A planar laser has no heights: each point becomes the foot of a wall `WALL_METRES` high.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import gtsam
import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.datasets.carmen import CarmenLog, Relations
from isometry.evaluation.place_recognition.drives import Progress
from isometry.geometry import se3
from isometry.place_recognition.encoder import BirdsEyeEncoder
from isometry.place_recognition.memory import PlaceMemory
from isometry.place_recognition.parameters import PlaceRecognitionParameters
from isometry.place_recognition.pipeline import PlaceRecognizer
from isometry.place_recognition.types import Observation

REVISIT_SECONDS = 60.0  # a return within less time is the same visit
HIT_METRES = 2.0
KEYFRAME_TRAVEL = 0.5  # see `travelled`
SUBMAP_STEP = 0.1  # of travel between the scans of a submap
WALL_METRES, WALL_STEP = 2.0, 0.4  # after scaling: five voxels
# z = 0 is above the ground, and a laser gives hundreds of points where a LiDAR gives tens of thousands
PARAMETERS = PlaceRecognitionParameters(ground_height=-1.0, fewest_points=10, fewest_cells=5)


@dataclass(frozen=True)
class LaserClouds:
    """The clouds of a log for place recognition."""

    log: CarmenLog
    scale: float = 3.0  # by which lengths are multiplied
    submap: float = 0.0  # metres of travel, not scaled, whose scans are joined by odometry; 0: a single scan

    @cached_property
    def travel(self) -> Array:
        """Travel (N,) to each scan, by `travelled`."""
        return travelled(self.log.odometry)

    def cloud(self, k: int) -> Array:
        """Scan k and those of the last `submap` of travel: walls (M,3) in scaled metres in the base frame of scan k."""
        before = self.travel[k] - self.travel[: k + 1][::-1]  # 0 for the scan itself
        recent = before[before <= self.submap]
        joined = k - np.unique(np.floor(recent / SUBMAP_STEP), return_index=True)[1]
        T_base_odom = se3.inverse(self.log.odometry[k])
        points = [se3.apply(T_base_odom @ self.log.odometry[j], self.log.scan(j)) for j in joined]
        return walls(self.scale * np.concatenate(points))


def walls(points: Array) -> Array:
    """Points (M,3), repeated upwards every `WALL_STEP` metres up to `WALL_METRES`."""
    rises = np.arange(0.0, WALL_METRES - 1e-9, WALL_STEP)
    return np.concatenate([points + np.array([0.0, 0.0, rise]) for rise in rises])


def travelled(odometry: Array) -> Array:
    """Travel (N,) of a robot by its odometry (N,4,4): metres, and each radian of turn counts as a metre.

    A laser with a field of view of half a circle measures other surfaces where the robot turns on the spot.
    """
    T_step = se3.inverse(odometry[:-1]) @ odometry[1:]
    turn = np.abs(np.arctan2(T_step[:, 1, 0], T_step[:, 0, 0]))
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(T_step[:, :2, 3], axis=1) + turn)])


def true_poses(log: CarmenLog, relations: Relations) -> Array:
    """T_world_base (N,4,4) of all scans: the least-squares solution of odometry, which drifts, and the relations."""
    graph, values = gtsam.NonlinearFactorGraph(), gtsam.Values()
    graph.add(gtsam.PriorFactorPose2(0, gtsam.Pose2(), gtsam.noiseModel.Isotropic.Sigma(3, 1e-3)))
    T_step = se3.inverse(log.odometry[:-1]) @ log.odometry[1:]
    values.insert(0, gtsam.Pose2())
    for k, T in enumerate(T_step):
        step = _pose(T)
        turn, metres = abs(step.theta()), float(np.hypot(step.x(), step.y()))
        sigmas = np.array([0.01 + 0.1 * metres, 0.01 + 0.1 * metres, 0.005 + 0.1 * turn])
        graph.add(gtsam.BetweenFactorPose2(k, k + 1, step, gtsam.noiseModel.Diagonal.Sigmas(sigmas)))
        values.insert(k + 1, values.atPose2(k).compose(step))
    noise = gtsam.noiseModel.Diagonal.Sigmas(np.array([0.05, 0.05, np.radians(1.0)]))
    for (first, second), T in zip(relations.pairs.tolist(), relations.T_first_second, strict=True):
        graph.add(gtsam.BetweenFactorPose2(first, second, _pose(T), noise))
    planar = gtsam.utilities.extractPose2(gtsam.LevenbergMarquardtOptimizer(graph, values).optimize())
    return np.array([se3.from_planar(*pose) for pose in planar])


def revisits(log: CarmenLog, relations: Relations) -> NDArray[np.int64]:
    """Indices (Q,), rising, of the scans that have a relation to a scan older by more than `REVISIT_SECONDS`."""
    first, second = relations.pairs.T
    apart = np.abs(log.times_s[second] - log.times_s[first]) > REVISIT_SECONDS
    return np.unique(relations.pairs[apart].max(axis=1))


def evaluate(
    clouds: LaserClouds, relations: Relations, encoder: BirdsEyeEncoder, every: int = 1, progress: Progress = iter
) -> dict[str, Any]:
    """Recall at the revisits, of retrieval alone and after verification; `chance` is that of a random keyframe.

    Raises ValueError when no query has a keyframe to find.
    """
    log = clouds.log
    T_world_base = true_poses(log, relations)
    T_world_base[:, :3, 3] *= clouds.scale
    stamps_ns = np.round(log.times_s * 1e9).astype(np.int64)
    recognizer = PlaceRecognizer(encoder, PlaceMemory(encoder.sha256, encoder.descriptor_size), PARAMETERS)
    keyframes = np.unique(np.floor(clouds.travel / KEYFRAME_TRAVEL), return_index=True)[1]
    for k in progress(keyframes.tolist()):
        recognizer.add_keyframe(_observe(recognizer, clouds, k), T_world_base[k], int(stamps_ns[k]))

    rows = []
    for query in progress(revisits(log, relations)[::every].tolist()):
        newest_ns = int(stamps_ns[query] - REVISIT_SECONDS * 1e9)
        offset = T_world_base[keyframes, :2, 3] - T_world_base[query, :2, 3]
        right = np.linalg.norm(offset, axis=1) < clouds.scale * HIT_METRES
        allowed = stamps_ns[keyframes] <= newest_ns
        if not right[allowed].any():
            continue
        match = recognizer.recognise(_observe(recognizer, clouds, query), newest_ns)
        found = right[list(match.candidates)]
        rows.append((found[0], found[:5].any(), right[match.keyframe], match.accepted, right[allowed].mean()))
    if not rows:
        raise ValueError(f"no relation over more than {REVISIT_SECONDS:.0f} s has a keyframe within {HIT_METRES} m")
    retrieval, retrieval_5, verified, accepted, chance = np.array(rows, dtype=float).T
    return {
        "scale": clouds.scale,
        "submap": clouds.submap,
        "keyframes": len(keyframes),
        "queries_with_revisit": len(rows),
        "recall_at_1_retrieval": float(retrieval.mean()),
        "recall_at_5_retrieval": float(retrieval_5.mean()),
        "recall_at_1": float(verified.mean()),
        "accepted": float(accepted.mean()),
        "wrong_place_accepted": float((accepted * (1.0 - verified)).mean()),
        "chance": float(chance.mean()),
    }


def _observe(recognizer: PlaceRecognizer, clouds: LaserClouds, k: int) -> Observation:
    try:
        return recognizer.observe(clouds.cloud(k))
    except ValueError as error:
        raise ValueError(f"scan {k}, {clouds.log.times_s[k]:.3f} s: {error}") from error


def _pose(transform: Array) -> gtsam.Pose2:
    return gtsam.Pose2(transform[0, 3], transform[1, 3], se3.yaw(transform))
