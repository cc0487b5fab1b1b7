"""Tracking as a lifecycle node: points or detections in; tracks, velocities and predicted paths out.

All outputs have the stamp of the input and are in the odometry's frame. Only detections without any odometry are
tracked in the base's own frame, where static objects approach a robot that drives.

    tracks           vision_msgs/Detection3DArray   boxes with stable ids, classes, confidences, covariances of x and y
    track_odometry   nav_msgs/Odometry              one for each track, child frame track_<id>: velocity along and
                                                    across the object and its yaw rate, with covariance
    predicted_paths  vision_msgs/Detection3DArray   where tracks will be: each box's own header has the time ahead
    markers          visualization_msgs/MarkerArray the same for RViz
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from nav_msgs.msg import Odometry
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header
from vision_msgs.msg import Detection3DArray
from visualization_msgs.msg import MarkerArray

from isometry.inference import ProviderParameters
from isometry.nodes.runtime import messages, parameters
from isometry.nodes.runtime.diagnostics import State
from isometry.nodes.runtime.lifecycle_node import PerceptionNode, run
from isometry.nodes.runtime.motion_inputs import OdometryInput, odometry_input
from isometry.nodes.runtime.quality_of_service import reliable
from isometry.nodes.tracking import messages as conversions
from isometry.nodes.tracking.parameters import TrackingNodeParameters
from isometry.sensing.point_cloud2 import decode_xyz
from isometry.sensing.point_times import decode_xyz_and_offsets
from isometry.tracking.detection.parameters import ScanDetectorParameters
from isometry.tracking.parameters import TrackingParameters
from isometry.tracking.pipeline import TrackingPipeline
from isometry.tracking.types import TrackingStep

ODOMETRY_DEPTH = 500  # as many tracks may be published at once
PARAMETERS = (
    ("", TrackingNodeParameters),
    ("", ProviderParameters),
    ("", TrackingParameters),
    ("scan.", ScanDetectorParameters),
)


class TrackingNode(PerceptionNode[TrackingNodeParameters]):
    """Brings messages to `TrackingPipeline`, which is the method, and publishes its results.

    What is wrong with an input is named in /diagnostics, and the rest of the input is used:

    - a message whose stamp is not newer, by up to a second, is left out; tracks stay as they are
    - a stamp that jumps, back by more than a second or on, is left out until a second one follows it; time that goes on
      there (a bag that loops), or after more than `longest_gap_s`, ends all tracks
    - boxes with NaN, without a size or more than 10 km away are left out, as are scores of `detector: any` that are not
      from 0 to 1, and of more than `most_detections` only those of the highest scores are used
    - a message without its transform, without any finite point, or that cannot be read, is left out as well
    """

    def __init__(self) -> None:
        super().__init__("tracking", TrackingNodeParameters, PARAMETERS)
        self._pipeline: TrackingPipeline | None = None
        self._odometry: OdometryInput | None = None
        self._shown: conversions.Shown = frozenset()

    # Lifecycle.
    def configure(self) -> None:
        """Load the models, then advertise."""
        own = self.own
        self._class_names = own.names()
        self._pipeline = TrackingPipeline.load(
            parameters.read(self, TrackingParameters),
            parameters.read(self, ScanDetectorParameters, "scan."),
            parameters.read(self, ProviderParameters),
        )
        self._last: TrackingStep | None = None
        self._last_stamp_ns = 0
        self._new_problem, self._last_problem = "", "none"
        self._problems = self._restarts = self._points_without_time = 0
        self._tracks = self.advertise(Detection3DArray, "tracks", reliable())
        self._velocities = self.advertise(Odometry, "track_odometry", reliable(ODOMETRY_DEPTH))
        self._paths = self.advertise(Detection3DArray, "predicted_paths", reliable())
        self._markers = self.advertise(MarkerArray, "markers", reliable())
        relative = own.odometry == "none" and own.input == "detections"
        self._frame = own.base_frame if relative else own.odom_frame  # unless the odometry has another name for it
        estimated = own.odometry == "none" and own.input == "points"
        self._broadcaster = self.advertise_transforms() if own.publish_tf and estimated else None

    def cleanup(self) -> None:
        """Give back publishers and models; the markers that RViz shows are deleted."""
        if self._shown and self.context.ok():
            markers, self._shown = conversions.to_markers((), Header(frame_id=self._frame), self._shown)
            self._markers.publish(markers)
        super().cleanup()
        self._pipeline = None

    def activate(self) -> None:
        """Subscribe."""
        self._odometry = odometry_input(self)
        self.subscribe_main_input(PointCloud2 if self.own.input == "points" else Detection3DArray, self.own.input)

    # One message, on the worker's thread.
    def process(self, message: PointCloud2 | Detection3DArray, stamp_ns: int) -> TrackingStep:
        """Track."""
        try:
            return self._track(message, stamp_ns)
        except ValueError as error:
            self._report_problem(str(error))
            raise

    def _track(self, message: PointCloud2 | Detection3DArray, stamp_ns: int) -> TrackingStep:
        assert self._pipeline is not None
        T_odom_base = None if self._odometry is None else self._odometry.lookup(stamp_ns)
        if isinstance(message, Detection3DArray):
            T_base_message = self.sensors.pose(conversions.frame_of(message), stamp_ns)
            detections = conversions.from_detections(message, T_base_message, self._class_names)
            return self._pipeline.process_detections(detections, stamp_ns, T_odom_base)
        timed = self.own.deskew and T_odom_base is None  # only LiDAR odometry uses the time of a reading
        points, offsets_s, left_out = decode_xyz_and_offsets(message) if timed else (decode_xyz(message), None, 0)
        self._points_without_time += left_out
        if not len(points):
            raise ValueError("the scan has 0 finite points")
        in_base, T_base_sensor = self.sensors.in_base_frame(points, message.header.frame_id, stamp_ns)
        return self._pipeline.process_scan(in_base, stamp_ns, T_odom_base, T_base_sensor[:3, 3], offsets_s)

    def publish(self, step: TrackingStep, stamp_ns: int) -> State:
        """Tracks, and, where there are subscribers, velocities, predicted paths and markers."""
        own = self.own
        frame = self._frame if self._odometry is None else self._odometry.frame
        header = Header(frame_id=frame, stamp=messages.to_stamp(stamp_ns))
        tracks = tuple(track for track in step.tracks if track.confidence >= own.least_confidence)
        self._tracks.publish(conversions.to_tracks(tracks, header))
        if self._velocities.get_subscription_count():
            for track in tracks:
                self._velocities.publish(conversions.to_odometry(track, header))
        if self._paths.get_subscription_count():
            self._paths.publish(conversions.to_predicted_paths(tracks, header, stamp_ns, own.path_step))
        if self._markers.get_subscription_count():
            markers, self._shown = conversions.to_markers(tracks, header, self._shown)
            self._markers.publish(markers)
        if self._broadcaster is not None:
            self._broadcaster.send(step.T_odom_base, frame, own.base_frame, stamp_ns)
        self.count_published(stamp_ns)
        problems = [*self._time_jump(step, stamp_ns), *step.rejected]
        self._last, self._last_stamp_ns = step, stamp_ns
        if problems:
            self._report_problem("; ".join(problems))
        return State()

    def _time_jump(self, step: TrackingStep, stamp_ns: int) -> list[str]:
        """A description of a jump in time that has ended all tracks; empty without one."""
        if not step.restarted or self._last is None:
            return []
        self._restarts += 1
        elapsed_s = (stamp_ns - self._last_stamp_ns) * 1e-9
        jump = (
            f"time jumped back by {-elapsed_s:.4g} s"
            if elapsed_s < 0.0
            else f"nothing of use came for {elapsed_s:.4g} s"
        )
        return [f"{jump}: all tracks have ended"]

    def _report_problem(self, problem: str) -> None:
        """Keep a problem of an input: the next report names it even if later inputs are fine."""
        self._problems += 1
        self._new_problem = self._last_problem = problem
        self.get_logger().warning(f"bad_input: {problem}", throttle_duration_sec=5.0)

    # Diagnostics.
    def diagnose(self) -> tuple[State, Mapping[str, object]]:
        """What was wrong with an input since the last report, and how many objects are tracked."""
        if self._pipeline is None:
            return State(), {}
        memory, predictor = self._pipeline.memory.model, self._pipeline.predictor
        figures: dict[str, object] = {
            "provider": " ".join(sorted({memory.provider, predictor.provider} - {""})),
            "memory_model": memory.name,
            "memory_model_sha256": memory.sha256,
            "model": predictor.name,
            "model_sha256": predictor.sha256,
            "input": self.own.input,
            "restarts": self._restarts,
            "problems": self._problems,
            "last_problem": self._last_problem,
            "points_without_time": self._points_without_time,
        }
        if self._last is not None:
            figures |= {
                "tracks": len(self._last.tracks),
                "detections": 0 if self._last.detections is None else len(self._last.detections),
                "rejected": "; ".join(self._last.rejected),
                **{f"{stage}_ms": float(seconds) * 1e3 for stage, seconds in self._last.seconds.items()},
            }
        problem, self._new_problem = self._new_problem, ""
        return State("bad_input", problem) if problem else State(), figures


def main() -> int:
    """Entry point `tracking_node`."""
    return run(TrackingNode)


if __name__ == "__main__":
    sys.exit(main())
