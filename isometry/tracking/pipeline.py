"""Tracking, top to bottom: from a scan, or from the detections of any detector, to tracks and where they will be.

scan -> ground off -> clusters -> oriented boxes                                                     scan_detector.py
     -> where the base is, if no odometry says so                                           lidar_odometry/pipeline.py
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

from isometry.arrays import Array
from isometry.geometry import planar, se3
from isometry.lidar_odometry.parameters import LidarOdometryParameters
from isometry.lidar_odometry.pipeline import LidarOdometry
from isometry.tracking.canonical_frame import turned
from isometry.tracking.detection.detector_models import CLUSTERS
from isometry.tracking.detection.parameters import ScanDetectorParameters
from isometry.tracking.detection.scan_detector import ScanDetector, Standing
from isometry.tracking.memory.flow_memory import FlowMemory
from isometry.tracking.parameters import TrackingParameters
from isometry.tracking.prediction.path_history import PathHistory
from isometry.tracking.prediction.predictor import MotionPredictor
from isometry.tracking.tracks.motion_rules import RULES, STANDING
from isometry.tracking.tracks.tracker import Tracker
from isometry.tracking.types import PATH_STEPS, Detections, Track, TrackingStep

CORRELATED = 3.0  # errors of successive velocities go together by half; a filter takes each for new information
READINGS, ALIGNED = 30_000, 6000  # of a scan for odometry, and points that they are thinned to: more are no more exact


class TrackingPipeline:
    """Follows what moves around the robot."""

    def __init__(
        self, parameters: TrackingParameters, detector: ScanDetector, memory: FlowMemory, predictor: MotionPredictor
    ) -> None:
        """Raises ValueError for a detector whose name nobody knows."""
        self.parameters, self.memory, self.predictor = parameters, memory, predictor
        self._detector = detector
        # scans and detections are followed apart, as what their detectors say means something else
        self._of_scans, self._of_detections = Tracker(replace(parameters, detector=CLUSTERS)), Tracker(parameters)
        self.reset()

    @classmethod
    def load(cls, parameters: TrackingParameters, of_scans: ScanDetectorParameters | None = None) -> TrackingPipeline:
        """With the models that the parameters name. Raises ValueError where one is not there or does not fit."""
        detector = ScanDetector(of_scans or ScanDetectorParameters())
        return cls(parameters, detector, FlowMemory.load(), MotionPredictor.load(name=parameters.prediction))

    def reset(self) -> None:
        """End all tracks and forget all scans; ids go on."""
        self._of_scans.reset()
        self._of_detections.reset()
        self._history = PathHistory()
        self._forget_scans()

    def _forget_scans(self) -> None:
        self.memory.reset()
        self._odometry: LidarOdometry | None = None
        self._base_yaw: float | None = None  # of the first scan's own direction, in the base frame
        self._odom_yaw = 0.0  # of the same direction, in the frame of the tracks

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
        if self._of_scans.restarts(stamp_ns):
            self._forget_scans()
        times_s = [time.perf_counter()]
        standing = self._detector.standing(points, origin)
        detections = self._detector.objects(standing)
        times_s.append(time.perf_counter())
        base_yaw = standing.yaw if self._base_yaw is None else self._base_yaw
        if T_odom_base is None:
            T_odom_base = self._followed(points, stamp_ns, standing.seen_from, offsets_s, base_yaw)
        times_s.append(time.perf_counter())
        if self._base_yaw is None and (len(standing.points) or self._odometry):  # an empty scan has no direction
            self._base_yaw, self._odom_yaw = base_yaw, base_yaw + se3.yaw(T_odom_base)
        detections = self._with_velocities(detections, standing, T_odom_base, stamp_ns)
        times_s.append(time.perf_counter())
        step = self._with_paths(self._of_scans.process(detections, stamp_ns, T_odom_base), stamp_ns)
        seconds = dict(zip(("detection", "odometry", "memory"), np.diff(times_s).tolist(), strict=True))
        return replace(step, seconds=seconds | step.seconds)

    def process_detections(
        self, detections: Detections, stamp_ns: int, T_odom_base: Array | None = None
    ) -> TrackingStep:
        """Tracks after detections in the base frame; see `Tracker.process` for what is done without `T_odom_base`."""
        return self._with_paths(self._of_detections.process(detections, stamp_ns, T_odom_base), stamp_ns)

    def _with_paths(self, step: TrackingStep, stamp_ns: int) -> TrackingStep:
        """The same step, with where its tracks will be."""
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
        self,
        points: NDArray[np.floating],
        stamp_ns: int,
        origin: Array,
        offsets_s: NDArray[np.floating] | None,
        yaw: float,
    ) -> Array:
        """Where the base is, in the frame that it had at the first scan, by odometry in a frame turned by `yaw`."""
        self._odometry = self._odometry or LidarOdometry(LidarOdometryParameters(most_points=ALIGNED))
        every = max(1, len(points) // READINGS)
        offsets_s = None if offsets_s is None else offsets_s[::every]
        step = self._odometry.process(turned(points[::every], -yaw), stamp_ns, turned(origin[None], -yaw)[0], offsets_s)
        T_base_turned = se3.from_planar(0.0, 0.0, yaw)
        return T_base_turned @ step.T_odom_base @ se3.inverse(T_base_turned)

    def _with_velocities(self, found: Detections, standing: Standing, T_odom_base: Array, stamp_ns: int) -> Detections:
        """Detections in the base frame with the velocities that the memory has for them, after this scan."""
        T_turned_base = se3.from_planar(0.0, 0.0, -self._odom_yaw) @ T_odom_base
        self.memory.update(se3.apply(T_turned_base, standing.in_base()), T_turned_base, stamp_ns)
        velocities, covariances = self.memory.velocities(found.in_frame(T_turned_base).boxes)
        R = planar.rotations(np.asarray(-se3.yaw(T_turned_base)))
        return replace(found, velocities=velocities @ R.T, velocity_covariances=CORRELATED * R @ covariances @ R.T)


def staying(track: Track) -> Track:
    """A track that stands, with the path that it then has."""
    path = np.repeat(track.box[None, :2], PATH_STEPS, axis=0)
    return replace(track, path=path, path_covariances=np.repeat(track.covariance[None, :2, :2], PATH_STEPS, axis=0))
