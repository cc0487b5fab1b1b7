"""Tracking of simulated traffic, one thread: from detections and from scans, and the overlap of boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Figure, size, timed
from benchmarks.place_recognition import DENSE
from isometry.arrays import Array
from isometry.geometry import planar
from isometry.geometry.boxes import iou_3d
from isometry.simulation.drive import SimulatedDrive, sensor_poses
from isometry.simulation.sensors.lidar import LidarSimulator
from isometry.simulation.traffic.traffic import simulate_traffic
from isometry.simulation.worlds.town import build_town
from isometry.tracking.parameters import TrackingParameters
from isometry.tracking.pipeline import TrackingPipeline
from isometry.tracking.tracks.baseline import BaselineTracker
from isometry.tracking.tracks.tracker import Tracker
from isometry.tracking.types import Detections, TrackingStep

Step = Callable[[Detections, int, Array | None], TrackingStep]

SECONDS, SCANS = 10.0, 12
CROWD = 400  # detections in a frame, more than on any road
BOXES = 200
STEP_NS = 100_000_000
ROUNDS = 10


def figures() -> Iterator[Figure]:
    """All figures, one after the other."""
    road, crowd = road_detections(), [crowded(k) for k in range(10)]
    yield size("tracking_detections_per_frame", float(np.mean([len(each) for each in road])), "detections")
    parameters = TrackingParameters()
    yield timed("tracking_100_frames", lambda: run(Tracker(parameters).process, road), ROUNDS)
    yield timed("tracking_100_frames_with_paths", lambda: run(_predicting(parameters), road), ROUNDS)
    yield timed("tracking_100_frames_baseline", lambda: run(BaselineTracker().process, road), ROUNDS)
    yield timed("tracking_10_frames_of_400", lambda: run(Tracker(parameters).process, crowd), ROUNDS)
    scans = town_scans()
    yield size("tracking_points_per_scan", float(np.mean([len(each) for each in scans])), "points")
    yield timed("tracking_scan", scan_follower(parameters, scans), ROUNDS)
    one, other = (crowded(k, BOXES).boxes for k in (0, 1))
    yield timed("iou_of_200_by_200_boxes", lambda: iou_3d(one, other), ROUNDS)


def run(process: Step, frames: list[Detections]) -> list[TrackingStep]:
    """All steps of a tracker on detections, without poses."""
    return [process(detections, k * STEP_NS, None) for k, detections in enumerate(frames)]


def road_detections() -> list[Detections]:
    """Noisy detections of 10 s of traffic, in the frame of the ego vehicle."""
    random = np.random.default_rng(0)
    traffic = simulate_traffic(random, SECONDS)
    frames = []
    for boxes, ego in zip(traffic.boxes[1:], traffic.ego_poses[1:], strict=True):
        rows = np.flatnonzero(np.isfinite(boxes[:, 0]) & (random.random(len(boxes)) > 0.1))
        detected = boxes[rows] + 0.1 * random.normal(size=(len(rows), 7)) * [1.0, 1.0, 0.5, 1.0, 0.5, 0.5, 0.3]
        detected[:, :2] = (detected[:, :2] - ego[:2]) @ planar.rotations(ego[2])
        detected[:, 6] = planar.wrapped(detected[:, 6] - ego[2])
        frames.append(Detections(detected, random.uniform(0.3, 1.0, len(rows)), tuple(traffic.labels[k] for k in rows)))
    return frames


def crowded(moment: int, boxes: int = CROWD) -> Detections:
    """Noisy detections, at one moment, of cars on a grid of 6 m by 4 m."""
    random = np.random.default_rng(moment)
    side = int(np.ceil(np.sqrt(boxes)))
    centres = np.stack(np.meshgrid(6.0 * np.arange(side), 4.0 * np.arange(side)), axis=-1).reshape(-1, 2)[:boxes]
    rest = np.tile([0.0, 4.2, 1.8, 1.5, 0.0], (boxes, 1))
    return Detections(
        np.hstack([centres, rest]) + 0.1 * random.normal(size=(boxes, 7)),
        random.uniform(0.3, 1.0, boxes),
        ("car",) * boxes,
    )


def town_scans() -> list[NDArray[np.float32]]:
    """Scans of a LiDAR with 64 beams, 1 m apart in a simulated street."""
    drive = replace(SimulatedDrive(), scans=SCANS, spacing_m=1.0, remounted_deg=0.0, lidar=DENSE)
    random = np.random.default_rng(drive.seed)
    simulator = LidarSimulator(build_town(drive.plan, random), drive.lidar)
    return [simulator.scan(pose, random) for pose in sensor_poses(drive)]


def scan_follower(parameters: TrackingParameters, scans: list[NDArray[np.float32]]) -> Callable[[], TrackingStep]:
    """A function that tracks one more scan with each call, back and forth through the scans."""
    pipeline, numbers = TrackingPipeline.load(parameters), count()
    order = [*range(len(scans)), *range(len(scans) - 2, 0, -1)]

    def follow() -> TrackingStep:
        k = next(numbers)
        return pipeline.process_scan(scans[order[k % len(order)]], k * STEP_NS)

    return follow


def _predicting(parameters: TrackingParameters) -> Step:
    return TrackingPipeline.load(parameters).process_detections
