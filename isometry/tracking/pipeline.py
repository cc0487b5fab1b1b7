"""Tracking, top to bottom: from a scan, or from the detections of any detector, to tracks and their paths ahead.

scan -> ground off -> clusters -> oriented boxes                                                     scan_detector.py
     -> the pose of the base, where no odometry is given                                   lidar_odometry/pipeline.py
     -> the velocity of each box, by the flow-equivariant memory of earlier scans                       flow_memory.py
detections -> tracks, each by the motion model that fits it                                                tracker.py
           -> paths for the next three seconds                                                prediction/predictor.py

A grid neither turns nor moves with its content. Odometry and memory therefore work in a frame at the first scan, whose
direction comes from that scan itself, so that turned scans give turned tracks, to the rounding of float64, wherever the
origin of the odometry lies (canonical_frame.py).
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import planar, se3
from isometry.inference import ProviderParameters
from isometry.lidar_odometry.parameters import LidarOdometryParameters
from isometry.lidar_odometry.pipeline import LidarOdometry
from isometry.tracking.canonical_frame import turned
from isometry.tracking.detection.detector_models import CLUSTERS
from isometry.tracking.detection.parameters import ScanDetectorParameters
from isometry.tracking.detection.scan_detector import ObstaclePoints, ScanDetector
from isometry.tracking.memory.flow_memory import FlowMemory
from isometry.tracking.parameters import TrackingParameters
from isometry.tracking.prediction.path_history import PathHistory
from isometry.tracking.prediction.predictor import MotionPredictor
from isometry.tracking.tracks.motion_models import MODELS, STATIONARY
from isometry.tracking.tracks.tracker import Tracker
from isometry.tracking.types import PATH_STEPS, Detections, Track, TrackingStep

CORRELATED = 3.0  # factor of covariances: errors of successive velocities correlate by 0.5, which a filter ignores
READINGS, ALIGNED = 30_000, 6000  # points of a scan for odometry, and those left after thinning: more add nothing


class TrackingPipeline:
    """Follows the objects around the robot."""

    def __init__(
        self, parameters: TrackingParameters, detector: ScanDetector, memory: FlowMemory, predictor: MotionPredictor
    ) -> None:
        """Raises ValueError for an unknown detector."""
        self.parameters, self.memory, self.predictor = parameters, memory, predictor
        self._detector = detector
        # scans and detections have trackers of their own, as the errors and scores of their detectors differ
        self._of_scans, self._of_detections = Tracker(replace(parameters, detector=CLUSTERS)), Tracker(parameters)
        self.reset()

    @classmethod
    def load(
        cls,
        parameters: TrackingParameters,
        of_scans: ScanDetectorParameters | None = None,
        provider: ProviderParameters | None = None,
    ) -> TrackingPipeline:
        """With the models that the parameters name. Raises ValueError where one is not there or does not fit.

        `provider` runs the memory; without it the CPU does. The network of the paths is so small that it always runs
        on the CPU: copying to a graphics card and back takes longer.
        """
        detector = ScanDetector(of_scans or ScanDetectorParameters())
        memory = FlowMemory.load(provider=provider)
        return cls(parameters, detector, memory, MotionPredictor.load(name=parameters.prediction))

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
        self._T_turned_odom = np.eye(4)  # to the frame of the memory: at the first base, along that direction

    def process_scan(
        self,
        points: NDArray[np.floating],
        stamp_ns: int,
        T_odom_base: Array | None = None,
        origin: NDArray[np.floating] | None = None,
        offsets_s: NDArray[np.floating] | None = None,
    ) -> TrackingStep:
        """Tracks after a scan (N,3) in metres in the base frame, newer than the one before.

        `T_odom_base` is the pose of the base; without it, odometry of the scans finds it. `origin` (3,) is the position
        of the sensor in the base frame, `offsets_s` (N,) the seconds from the stamp to each reading. Jumps of time are
        treated as by `Tracker.process`. Raises ValueError in one line for a scan that cannot be used; nothing has
        changed then.
        """
        if self._of_scans.restarts(stamp_ns):
            self._forget_scans()
        times_s = [time.perf_counter()]
        obstacles = self._detector.obstacle_points(points, origin)
        detections = self._detector.objects(obstacles)
        times_s.append(time.perf_counter())
        base_yaw = obstacles.yaw if self._base_yaw is None else self._base_yaw
        if T_odom_base is None:
            T_odom_base = self._odometry_pose(points, stamp_ns, obstacles.seen_from, offsets_s, base_yaw)
        times_s.append(time.perf_counter())
        if self._base_yaw is None and (len(obstacles.points) or self._odometry):  # an empty scan has no direction
            self._base_yaw = base_yaw
            x, y = T_odom_base[:2, 3]
            self._T_turned_odom = se3.inverse(se3.from_planar(x, y, base_yaw + se3.yaw(T_odom_base)))
        detections = self._with_velocities(detections, obstacles, T_odom_base, stamp_ns)
        times_s.append(time.perf_counter())
        step = self._with_paths(self._of_scans.process(detections, stamp_ns, T_odom_base), stamp_ns)
        seconds = dict(zip(("detection", "odometry", "memory"), np.diff(times_s).tolist(), strict=True))
        return replace(step, seconds=seconds | step.seconds)

    def process_detections(
        self, detections: Detections, stamp_ns: int, T_odom_base: Array | None = None
    ) -> TrackingStep:
        """Tracks after detections in the base frame; `Tracker.process` describes the case without `T_odom_base`."""
        return self._with_paths(self._of_detections.process(detections, stamp_ns, T_odom_base), stamp_ns)

    def _with_paths(self, step: TrackingStep, stamp_ns: int) -> TrackingStep:
        """The same step, with the paths of its tracks."""
        began_s = time.perf_counter()
        if step.restarted:
            self._history = PathHistory()
        self._history.add(step.tracks, stamp_ns)
        moving = [track for track in step.tracks if track.motion != MODELS[STATIONARY]]
        histories = self._history.resampled(moving, stamp_ns)
        velocities = np.array([track.velocity for track in moving]).reshape(-1, 2)
        paths, covariances = self.predictor.predict(histories, velocities, [track.label for track in moving])
        predicted = {
            track.id: replace(track, path=path, path_covariances=covariance)
            for track, path, covariance in zip(moving, paths, covariances, strict=True)
        }
        tracks = tuple(
            predicted[track.id] if track.id in predicted else with_stationary_path(track) for track in step.tracks
        )
        return replace(step, tracks=tracks, seconds=step.seconds | {"prediction": time.perf_counter() - began_s})

    def _odometry_pose(
        self,
        points: NDArray[np.floating],
        stamp_ns: int,
        origin: Array,
        offsets_s: NDArray[np.floating] | None,
        yaw: float,
    ) -> Array:
        """Pose of the base in its frame at the first scan; odometry works in a frame that is turned by `yaw`."""
        self._odometry = self._odometry or LidarOdometry(LidarOdometryParameters(most_points=ALIGNED))
        every = max(1, len(points) // READINGS)
        offsets_s = None if offsets_s is None else offsets_s[::every]
        step = self._odometry.process(turned(points[::every], -yaw), stamp_ns, turned(origin[None], -yaw)[0], offsets_s)
        T_base_turned = se3.from_planar(0.0, 0.0, yaw)
        return T_base_turned @ step.T_odom_base @ se3.inverse(T_base_turned)

    def _with_velocities(
        self, found: Detections, obstacles: ObstaclePoints, T_odom_base: Array, stamp_ns: int
    ) -> Detections:
        """Detections in the base frame with the velocities that the memory has of them, after this scan."""
        T_turned_base = self._T_turned_odom @ T_odom_base
        self.memory.update(se3.apply(T_turned_base, obstacles.in_base()), T_turned_base, stamp_ns)
        velocities, covariances = self.memory.velocities(found.in_frame(T_turned_base).boxes)
        R = planar.rotations(np.asarray(-se3.yaw(T_turned_base)))
        return replace(found, velocities=velocities @ R.T, velocity_covariances=CORRELATED * R @ covariances @ R.T)


def with_stationary_path(track: Track) -> Track:
    """A stationary track, with its path: it stays where it is."""
    path = np.repeat(track.box[None, :2], PATH_STEPS, axis=0)
    return replace(track, path=path, path_covariances=np.repeat(track.covariance[None, :2, :2], PATH_STEPS, axis=0))
