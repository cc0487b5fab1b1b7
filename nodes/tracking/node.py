"""Tracking as a lifecycle node: points or detections in; tracks, velocities and predicted paths out.

All that is published has the stamp of the input and is in the odometry's frame. Only detections without any odometry
are tracked in the base's own frame, where what stands still comes towards a robot that drives.

    tracks           vision_msgs/Detection3DArray   boxes with stable ids, classes, confidences, covariances of x and y
    track_odometry   nav_msgs/Odometry              one for each track, child frame track_<id>: velocity along and
                                                    across the object and its yaw rate, with covariance
    predicted_paths  vision_msgs/Detection3DArray   where tracks will be: each box's own header has the time ahead
    markers          visualization_msgs/MarkerArray the same for RViz
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from nav_msgs.msg import Odometry
from rclpy.subscription import Subscription
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header
from vision_msgs.msg import Detection3DArray
from visualization_msgs.msg import MarkerArray

from isometry.nodes.runtime import messages, parameters
from isometry.nodes.runtime.diagnostics import State
from isometry.nodes.runtime.lifecycle_node import PerceptionNode, run
from isometry.nodes.runtime.motion_inputs import OdometryInput, OdometryTransforms, odometry_input
from isometry.nodes.runtime.quality_of_service import overridable, reliable, sensor_data
from isometry.nodes.runtime.sensor_poses import SensorPoses
from isometry.nodes.runtime.transform_topics import TransformBroadcaster, TransformListener
from isometry.nodes.runtime.transforms import TransformBuffer, TransformError
from isometry.nodes.tracking import messages as outputs
from isometry.nodes.tracking.parameters import TrackingNodeParameters
from isometry.sensing.point_cloud2 import decode_xyz, decode_xyz_and_offsets
from isometry.tracking.detection.parameters import ScanDetectorParameters
from isometry.tracking.parameters import TrackingParameters
from isometry.tracking.pipeline import TrackingPipeline
from isometry.tracking.types import TrackingStep

ODOMETRY_DEPTH = 500  # as many tracks may be published at once
PARAMETERS = (("", TrackingNodeParameters), ("", TrackingParameters), ("scan.", ScanDetectorParameters))


class TrackingNode(PerceptionNode):
    """Carries messages to and from `TrackingPipeline`, which is the method.

    What is wrong with an input is named in /diagnostics, and what the rest of it is good for is done:

    - a message whose stamp is not newer, by up to a second, is left out; tracks stay as they are
    - time that runs back by more than a second (a bag that loops), or on by more than `longest_gap_s`, ends all tracks
    - boxes with NaN, without a size or more than 10 km away are left out, and of more than `most_detections` the surest
      are taken
    - a message without its transform, without any finite point, or that cannot be read, is left out as well
    """

    def __init__(self) -> None:
        super().__init__("tracking", PARAMETERS)
        self._pipeline: TrackingPipeline | None = None
        self._input: Subscription | None = None
        self._odometry: OdometryInput | OdometryTransforms | None = None
        self._shown: outputs.Shown = frozenset()

    # Lifecycle.
    def configure(self) -> None:
        """Load the models, then advertise."""
        self._own = own = parameters.read(self, TrackingNodeParameters)
        own.check_choices()
        self._class_names = own.names()
        method, of_scans = (
            parameters.read(self, TrackingParameters),
            parameters.read(self, ScanDetectorParameters, "scan."),
        )
        self._pipeline = TrackingPipeline.load(method, of_scans)
        self._transforms = TransformBuffer()
        self._sensors = SensorPoses(self._transforms, own.base_frame, own.sensor_pose, own.transform_timeout)
        self._last: TrackingStep | None = None
        self._last_stamp_ns = 0
        self._noticed, self._last_problem = "", "none"
        self._problems = self._restarts = 0
        self._tracks = self.advertise(Detection3DArray, "tracks", reliable())
        self._velocities = self.advertise(Odometry, "track_odometry", reliable(ODOMETRY_DEPTH))
        self._paths = self.advertise(Detection3DArray, "predicted_paths", reliable())
        self._markers = self.advertise(MarkerArray, "markers", reliable())
        self.releases.append(TransformListener(self, self._transforms).close)
        relative = own.odometry == "none" and own.input == "detections"
        self._frame = own.base_frame if relative else own.odom_frame  # unless the odometry has another name for it
        self._broadcaster = None
        if own.publish_tf and own.odometry == "none" and own.input == "points":
            self._broadcaster = TransformBroadcaster(self)
            self.releases.append(self._broadcaster.close)

    def cleanup(self) -> None:
        """Give back publishers and models; what RViz shows goes with them."""
        if self._shown and self.context.ok():
            markers, self._shown = outputs.to_markers((), Header(frame_id=self._frame), self._shown)
            self._markers.publish(markers)
        super().cleanup()
        self._pipeline = None

    def activate(self) -> None:
        """Subscribe."""
        own = self._own
        self._odometry = odometry_input(self, own.odometry, self._transforms, own.odom_frame, own.base_frame)
        kind: type = PointCloud2 if own.input == "points" else Detection3DArray
        self._input = self.create_subscription(
            kind, own.input, self.enqueue, sensor_data(2), qos_overriding_options=overridable()
        )

    def deactivate(self) -> None:
        """Unsubscribe."""
        if self._input is not None:
            self.destroy_subscription(self._input)
        if self._odometry is not None:
            self._odometry.close()
        self._input = None

    def inputs(self) -> Sequence[Subscription]:
        """The points or the detections."""
        return () if self._input is None else (self._input,)

    # One message, on the worker's thread.
    def work(self, message: PointCloud2 | Detection3DArray, received_s: float) -> State:
        """Track, publish."""
        stamp_ns = messages.stamp_ns(message.header.stamp)
        try:
            step = self._step(message, stamp_ns)
        except TransformError as error:
            return State("no_tf", str(error))
        except ValueError as error:
            self._notice(str(error))
            return State("bad_input", str(error))
        self._publish(step, stamp_ns)
        self.published(stamp_ns, received_s)
        problems = [*self._jump(step, stamp_ns), *step.rejected]
        self._last, self._last_stamp_ns = step, stamp_ns
        if problems:
            self._notice("; ".join(problems))
        return State()

    def _step(self, message: PointCloud2 | Detection3DArray, stamp_ns: int) -> TrackingStep:
        assert self._pipeline is not None
        timeout_s = self._own.transform_timeout
        T_odom_base = None if self._odometry is None else self._odometry.lookup(stamp_ns, timeout_s)
        if isinstance(message, Detection3DArray):
            T_base_message = self._sensors.pose(outputs.frame_of(message), stamp_ns)
            found = outputs.from_detections(message, T_base_message, self._class_names)
            return self._pipeline.process_detections(found, stamp_ns, T_odom_base)
        timed = self._own.deskew and T_odom_base is None  # only odometry asks when a reading was taken
        points, offsets_s = decode_xyz_and_offsets(message) if timed else (decode_xyz(message), None)
        if not len(points):
            raise ValueError("the scan has 0 finite points")
        in_base, T_base_sensor = self._sensors.in_base_frame(points, message.header.frame_id, stamp_ns)
        return self._pipeline.process_scan(in_base, stamp_ns, T_odom_base, T_base_sensor[:3, 3], offsets_s)

    def _jump(self, step: TrackingStep, stamp_ns: int) -> list[str]:
        """What to say of time that has jumped."""
        if not step.restarted or self._last is None:
            return []
        self._restarts += 1
        elapsed_s = (stamp_ns - self._last_stamp_ns) * 1e-9
        how = (
            f"time jumped back by {-elapsed_s:.4g} s"
            if elapsed_s < 0.0
            else f"nothing of use came for {elapsed_s:.4g} s"
        )
        return [f"{how}: all tracks have ended"]

    def _notice(self, problem: str) -> None:
        """Something that was wrong with an input: said in the next report even if later inputs are fine."""
        self._problems += 1
        self._noticed = self._last_problem = problem
        self.get_logger().warning(f"bad_input: {problem}", throttle_duration_sec=5.0)

    def _publish(self, step: TrackingStep, stamp_ns: int) -> None:
        own = self._own
        frame = self._frame if self._odometry is None else self._odometry.frame
        header = Header(frame_id=frame, stamp=messages.to_stamp(stamp_ns))
        tracks = tuple(track for track in step.tracks if track.confidence >= own.least_confidence)
        self._tracks.publish(outputs.to_tracks(tracks, header))
        # what nobody listens to need not be made
        if self._velocities.get_subscription_count():
            for track in tracks:
                self._velocities.publish(outputs.to_odometry(track, header))
        if self._paths.get_subscription_count():
            self._paths.publish(outputs.to_predicted_paths(tracks, header, stamp_ns, own.path_step))
        if self._markers.get_subscription_count():
            markers, self._shown = outputs.to_markers(tracks, header, self._shown)
            self._markers.publish(markers)
        if self._broadcaster is not None:
            self._broadcaster.send(step.T_odom_base, frame, own.base_frame, stamp_ns)

    # Diagnostics.
    def diagnose(self) -> tuple[State, Mapping[str, object]]:
        """What was wrong with an input since the report before, and what is followed."""
        if self._pipeline is None:
            return State(), {}
        memory, predictor = self._pipeline.memory.model, self._pipeline.predictor
        figures: dict[str, object] = {
            "provider": " ".join(sorted({memory.provider, predictor.provider} - {""})),
            "memory_model": memory.name,
            "memory_model_sha256": memory.sha256,
            "model": predictor.name,
            "model_sha256": predictor.sha256,
            "input": self._own.input,
            "restarts": self._restarts,
            "problems": self._problems,
            "last_problem": self._last_problem,
        }
        if self._last is not None:
            figures |= {
                "tracks": len(self._last.tracks),
                "detections": 0 if self._last.detections is None else len(self._last.detections),
                "rejected": "; ".join(self._last.rejected),
                **{f"{stage}_ms": float(seconds) * 1e3 for stage, seconds in self._last.seconds.items()},
            }
        noticed, self._noticed = self._noticed, ""
        return State("bad_input", noticed) if noticed else State(), figures


def main() -> int:
    """Entry point `tracking_node`."""
    return run(TrackingNode)


if __name__ == "__main__":
    sys.exit(main())
