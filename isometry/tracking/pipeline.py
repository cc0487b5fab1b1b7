"""Tracking, top to bottom: from a scan, or from the detections of any detector, to tracks and where they will be.

scan -> where the base is, if no odometry says so                                           lidar_odometry/pipeline.py
     -> ground off -> clusters -> oriented boxes                                                     scan_detector.py
     -> how each box moves, by the flow-equivariant memory of the scans before                         flow_memory.py
detections -> tracks, each by the rule of motion that fits it                                              tracker.py
           -> paths for the next three seconds                                                          prediction.py

Grids do not turn with what is on them. Odometry and memory therefore work in a frame whose direction comes from the
first scan itself, so that turned scans give turned tracks, to the rounding of float64 (canonical_frame.py).
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from isometry.geometry import se3
from isometry.lidar_odometry.parameters import LidarOdometryParameters
from isometry.lidar_odometry.pipeline import LidarOdometry
from isometry.tracking.canonical_frame import canonical_yaw
from isometry.tracking.motion_rules import RULES, STANDING
from isometry.tracking.parameters import TrackingParameters
from isometry.tracking.path_history import PathHistory
from isometry.tracking.prediction import MotionPredictor
from isometry.tracking.scan_detector import ScanDetector
from isometry.tracking.scan_detector_parameters import ScanDetectorParameters
from isometry.tracking.tracker import Tracker
from isometry.tracking.types import PATH_STEPS, Detections, Track, TrackingStep

Array = NDArray[np.float64]


class TrackingPipeline:
    """Follows what moves around the robot."""

    def __init__(
        self,
        parameters: TrackingParameters,
        predictor: MotionPredictor,
        detector: ScanDetector,
    ) -> None:
        """Raises ValueError for a detector whose name nobody knows."""
        self.parameters, self.predictor, self._detector = parameters, predictor, detector
        self._tracker = Tracker(parameters)
        self.reset()

    @classmethod
    def load(cls, parameters: TrackingParameters) -> TrackingPipeline:
        """With the models that the parameters name. Raises ValueError where one is not there or does not fit."""
        predictor = MotionPredictor.load(name=parameters.prediction)
        return cls(parameters, predictor, ScanDetector(ScanDetectorParameters()))

    def reset(self) -> None:
        """End all tracks and forget all scans; ids go on."""
        self._tracker.reset()
        self._history = PathHistory()
        self._forget_scans()

    def _forget_scans(self) -> None:
        self._odometry: LidarOdometry | None = None
        self._T_working_base = np.eye(4)

    def process_scan(
        self,
        points: NDArray[np.floating],
        stamp_ns: int,
        T_odom_base: Array | None = None,
        origin: NDArray[np.floating] | None = None,
        offsets_s: NDArray[np.floating] | None = None,
    ) -> TrackingStep:
        """Tracks after a scan (N,3) in metres in the base frame, newer than the one before.

        Where the base is comes from `T_odom_base`; without it, from the scans. `origin` (3,) is where the sensor is in
        the base frame, `offsets_s` (N,) the seconds from the stamp to each reading. What jumps of time do is as for
        `Tracker.process`. Raises ValueError in one line for a scan that cannot be used; nothing has changed then.
        """
        seen_from = np.zeros(3) if origin is None else np.asarray(origin, np.float64)
        began_s = time.perf_counter()
        if self._tracker.restarts(stamp_ns):
            self._forget_scans()
        if T_odom_base is None:
            T_odom_base = self._followed(points, stamp_ns, seen_from, offsets_s)
        located_s = time.perf_counter()
        detections = self._detector.detect(points, seen_from)
        detected_s = time.perf_counter()
        step = self.process_detections(detections, stamp_ns, T_odom_base)
        seconds = {"odometry": located_s - began_s, "detection": detected_s - located_s}
        return replace(step, seconds=seconds | step.seconds)

    def process_detections(
        self, detections: Detections, stamp_ns: int, T_odom_base: Array | None = None
    ) -> TrackingStep:
        """Tracks after detections in the base frame; see `Tracker.process` for what is done without `T_odom_base`."""
        step = self._tracker.process(detections, stamp_ns, T_odom_base)
        began_s = time.perf_counter()
        if step.restarted:
            self._history = PathHistory()
        self._history.add(step.tracks, stamp_ns)
        moving = [track for track in step.tracks if track.motion != RULES[STANDING]]
        histories = self._history.resampled(moving, stamp_ns)
        velocities = np.array([track.velocity for track in moving]).reshape(-1, 2)
        paths, covariances = self.predictor.predict(histories, velocities, [track.label for track in moving])
        on = {
            track.id: replace(track, path=path, path_covariances=covariance)
            for track, path, covariance in zip(moving, paths, covariances, strict=True)
        }
        tracks = tuple(on[track.id] if track.id in on else staying(track) for track in step.tracks)
        return replace(step, tracks=tracks, seconds=step.seconds | {"prediction": time.perf_counter() - began_s})

    def _followed(
        self, points: NDArray[np.floating], stamp_ns: int, origin: Array, offsets_s: NDArray[np.floating] | None
    ) -> Array:
        """Where the base is, in the frame that it had at the first scan."""
        if self._odometry is None:
            self._odometry = LidarOdometry(LidarOdometryParameters())
            finite = np.isfinite(points[:, :2]).all(axis=1)
            self._T_working_base = se3.from_planar(0.0, 0.0, -canonical_yaw(points[finite] - origin))
        T = self._T_working_base
        step = self._odometry.process(
            se3.apply(T, points.astype(np.float64)), stamp_ns, se3.apply(T, origin[None])[0], offsets_s
        )
        return se3.inverse(T) @ step.T_odom_base @ T


def staying(track: Track) -> Track:
    """A track that stands, with the path that it then has."""
    path = np.repeat(track.box[None, :2], PATH_STEPS, axis=0)
    return replace(track, path=path, path_covariances=np.repeat(track.covariance[None, :2, :2], PATH_STEPS, axis=0))
