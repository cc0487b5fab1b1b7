"""Place recognition as a lifecycle node: points and odometry in; pose, match, keyframes and map -> odom out."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseWithCovarianceStamped, TransformStamped
from nav_msgs.msg import Path as PathMessage
from sensor_msgs.msg import PointCloud2
from visualization_msgs.msg import MarkerArray

from isometry.arrays import Array
from isometry.inference import ProviderParameters
from isometry.nodes.place_recognition import messages as outputs
from isometry.nodes.place_recognition.parameters import PlaceRecognitionNodeParameters
from isometry.nodes.runtime import messages, parameters
from isometry.nodes.runtime.diagnostics import State
from isometry.nodes.runtime.lifecycle_node import PerceptionNode, run
from isometry.nodes.runtime.map_to_odom import MapToOdom
from isometry.nodes.runtime.motion_inputs import GravityInput, OdometryInput, gravity_input, odometry_input
from isometry.nodes.runtime.path import to_serialized_path
from isometry.nodes.runtime.quality_of_service import latched, reliable
from isometry.place_recognition.encoder import BirdsEyeEncoder
from isometry.place_recognition.mapping import MappingStep, PlaceMapper, PlaceMapperParameters
from isometry.place_recognition.memory import PlaceMemory
from isometry.place_recognition.parameters import PlaceRecognitionParameters
from isometry.place_recognition.pipeline import PlaceRecognizer
from isometry.place_recognition.pose_graph import KeyframePoseGraph, PoseGraphParameters
from isometry.sensing.point_cloud2 import decode_xyz

LOGGED_JUMP_METRES = 0.5
PUBLISHED_JUMP_METRES, PUBLISHED_JUMP_RADIANS = 1e-4, 1e-5  # less is rounding
MATCHES_SHOWN = 500
"""Lines between a scan and its matched keyframe that the markers keep."""
PARAMETERS = (
    ("", PlaceRecognitionNodeParameters),
    ("", ProviderParameters),
    ("", PlaceMapperParameters),
    ("recognition.", PlaceRecognitionParameters),
    ("pose_graph.", PoseGraphParameters),
)


class PlaceRecognitionNode(PerceptionNode[PlaceRecognitionNodeParameters]):
    """Brings messages to `PlaceMapper`, which is the method, and publishes its results.

    When stamps and odometry run backwards (a bag that starts again) the robot is located again in the memory; nothing
    is added until time passes the newest keyframe.
    """

    LIVE_PARAMETERS = ("memory_file",)

    def __init__(self) -> None:
        super().__init__("place_recognition", PlaceRecognitionNodeParameters, PARAMETERS)
        self._encoder: BirdsEyeEncoder | None = None
        self._mapper: PlaceMapper | None = None
        self._odometry: OdometryInput | None = None
        self._gravity: GravityInput | None = None

    # Lifecycle.
    def configure(self) -> None:
        """Load the model and the memory, then advertise."""
        self._mapping = parameters.read(self, PlaceMapperParameters)
        model = Path(self.own.model_file).expanduser() if self.own.model_file else None
        self._encoder = BirdsEyeEncoder.load(model, self.own.threads, parameters.read(self, ProviderParameters))
        self._map_to_odom: MapToOdom | None = None
        self._start_mapper(self._memory_at_start(), self.own.autosave)
        self._recognised = self._jumps = 0
        self._answered_ns = 0  # stamp of the last scan that was answered
        self._largest_jump = 0.0
        self._advertise()

    def _advertise(self) -> None:
        self._pose = self.advertise(PoseWithCovarianceStamped, "pose", reliable())
        self._match = self.advertise(DiagnosticArray, "match", reliable())
        self._correction = self.advertise(TransformStamped, "correction", reliable())
        self._path = self.advertise(PathMessage, "keyframes", latched())
        self._markers = self.advertise(MarkerArray, "markers", latched())
        self._map_to_odom = MapToOdom(self) if self.own.publish_tf else None
        for name, job in (("save", self._save), ("load", self._load), ("clear", self._clear)):
            self.serve(name, partial(self._with_mapper, job))
        self.repeat(1.0, lambda: self.worker.submit(self._publish_map))

    def cleanup(self) -> None:
        """Give back publishers, services, model and memory; an attached file is left complete."""
        super().cleanup()
        if self._mapper is not None:
            try:
                self._mapper.recognizer.memory.detach()
            except ValueError as error:
                self.get_logger().error(f"the map is not saved completely: {error}")
        self._encoder = self._mapper = None

    def activate(self) -> None:
        """Subscribe."""
        self._odometry, self._gravity = odometry_input(self), gravity_input(self)
        self.subscribe_main_input(PointCloud2, "points")

    # The memory.
    def _start_mapper(self, memory: PlaceMemory, keep: bool) -> None:
        """Start a mapper on a memory; with `keep` the memory writes every change to its file."""
        assert self._encoder is not None
        recognition = parameters.read(self, PlaceRecognitionParameters, "recognition.")
        graph = KeyframePoseGraph(parameters.read(self, PoseGraphParameters, "pose_graph."))
        mapper = PlaceMapper(PlaceRecognizer(self._encoder, memory, recognition), graph, self._mapping)
        self._kept_in = self._memory_file() if keep and self._mapping.mode == "mapping" else None
        if self._kept_in is not None:
            memory.attach(self._kept_in)
        self._mapper, self._map_changed = mapper, True
        if self._map_to_odom is not None:
            self._map_to_odom.set(None, "")
        self._match_lines: deque[Array] = deque(maxlen=MATCHES_SHOWN)  # each (2,3): scan, keyframe

    def _memory_file(self) -> Path:
        name = str(self.get_parameter("memory_file").value)
        if not name:
            raise ValueError("parameter memory_file is empty")
        return Path(name).expanduser()

    def _memory_at_start(self) -> PlaceMemory:
        """The memory in the file. In mapping mode the file may be missing; without autosave it need not be named."""
        if self._mapping.mode == "mapping":
            named = bool(self.own.memory_file) or self.own.autosave
            if not named or not self._memory_file().exists():
                return self._empty_memory()
        return self._read_memory()

    def _empty_memory(self) -> PlaceMemory:
        assert self._encoder is not None
        return PlaceMemory(self._encoder.sha256, self._encoder.descriptor_size)

    def _read_memory(self) -> PlaceMemory:
        assert self._encoder is not None
        return PlaceMemory.load(self._memory_file(), self._encoder.sha256, self._encoder.descriptor_size)

    # Services, on the worker's thread.
    def _with_mapper(self, job: Callable[[PlaceMapper], str]) -> str:
        assert self._mapper is not None  # services live between configure and cleanup
        return job(self._mapper)

    def _save(self, mapper: PlaceMapper) -> str:
        path, memory = self._memory_file(), mapper.recognizer.memory
        memory.save(path)
        if self.own.autosave and self._mapping.mode == "mapping" and self._kept_in is None:
            memory.attach(path)
            self._kept_in = path
        return f"saved {len(memory)} keyframes to {path}"

    def _load(self, mapper: PlaceMapper) -> str:
        self._complete_file(mapper)
        try:
            memory = self._read_memory()
            self._start_mapper(memory, self.own.autosave)
        except (ValueError, OSError):
            if self._kept_in is not None:
                mapper.recognizer.memory.attach(self._kept_in)
            raise
        return f"loaded {len(memory)} keyframes from {self._memory_file()}"

    def _complete_file(self, mapper: PlaceMapper) -> None:
        """Leave the attached file. Raises MemoryFileError, and leaves it attached, when it cannot be completed."""
        if self._kept_in is not None:
            mapper.recognizer.memory.save(self._kept_in)
        mapper.recognizer.memory.detach()

    def _clear(self, mapper: PlaceMapper) -> str:
        kept_in, memory = self._kept_in, mapper.recognizer.memory
        self._complete_file(mapper)
        self._start_mapper(self._empty_memory(), keep=False)
        forgotten = f"forgot {len(memory)} keyframes"
        return forgotten if kept_in is None else f"{forgotten}; {kept_in} keeps them until the next save"

    # One scan, on the worker's thread.
    def process(self, message: PointCloud2, stamp_ns: int) -> MappingStep:
        """Recognise the place, extend and correct the map."""
        assert self._mapper is not None
        assert self._odometry is not None
        T_odom_base = self._odometry.lookup(stamp_ns)
        points, _ = self.sensors.in_base_frame(decode_xyz(message), message.header.frame_id, stamp_ns)
        up = None if self._gravity is None else self._gravity.up(stamp_ns)
        return self._mapper.process(points, T_odom_base, stamp_ns, up)

    def publish(self, step: MappingStep, stamp_ns: int) -> State:
        """The answer, the pose if it is accepted, what has changed in the map, and map -> odom on TF."""
        assert self._mapper is not None
        match, map_frame = step.match, self.own.map_frame
        place = None if match.keyframe is None else self._mapper.recognizer.memory.keyframe(match.keyframe)
        self._match.publish(outputs.to_match(step, stamp_ns, map_frame, None if place is None else place.stamp_ns))
        if match.accepted and match.T_map_query is not None and place is not None:
            self._pose.publish(outputs.to_pose_with_covariance(match, stamp_ns, map_frame))
            self._match_lines.append(np.stack([match.T_map_query[:3, 3], place.T_map_base[:3, 3]]))
            self._recognised += 1
        if step.jump_metres > PUBLISHED_JUMP_METRES or step.jump_radians > PUBLISHED_JUMP_RADIANS:
            self._publish_correction(step, stamp_ns)
        if self._map_to_odom is not None and self._odometry is not None:
            self._map_to_odom.set(step.T_map_odom, self._odometry.frame)
        self._map_changed = self._map_changed or step.path_changed or match.accepted
        self._answered_ns = stamp_ns
        self.count_published(stamp_ns)
        self._mapper.settle()  # the answer is out
        return State()

    def _publish_correction(self, step: MappingStep, stamp_ns: int) -> None:
        base = self.own.base_frame
        self._correction.publish(
            messages.to_transform_stamped(step.T_before_after, base, f"{base}_corrected", stamp_ns)
        )
        self._jumps += 1
        self._largest_jump = max(self._largest_jump, step.jump_metres)
        if step.jump_metres > LOGGED_JUMP_METRES:
            degrees = np.degrees(step.jump_radians)
            self.get_logger().info(
                f"map -> odom corrected: the robot moves {step.jump_metres:.2f} m, {degrees:.1f} deg"
            )

    def _publish_map(self) -> None:
        """Path and markers, when they have changed and somebody listens: what they cost grows with the map."""
        listeners = self._path.get_subscription_count() + self._markers.get_subscription_count()
        if self._mapper is None or not (self._map_changed and listeners):
            return
        self._map_changed = False
        memory = self._mapper.recognizer.memory
        poses, stamps_ns, map_frame = memory.poses, memory.stamps_ns, self.own.map_frame
        stamp_ns = self._answered_ns  # not the newest: a scan in work is not in the map yet
        shown = np.array(self._match_lines).reshape(-1, 2, 3)
        self._path.publish(to_serialized_path(poses, stamps_ns, map_frame, stamp_ns))
        self._markers.publish(outputs.to_markers(poses, shown, map_frame, stamp_ns))

    # Diagnostics.
    def diagnose(self) -> tuple[State, Mapping[str, object]]:
        """Whether the robot is lost, and what the map holds."""
        if self._mapper is None or self._encoder is None:
            return State(), {}
        figures = {
            "provider": self._encoder.provider,
            "model": self._encoder.name,
            "model_sha256": self._encoder.sha256,
            "mode": self._mapping.mode,
            "keyframes": len(self._mapper.recognizer.memory),
            "kept_in": self._kept_in or "",
            "recognised": self._recognised,
            "jumps": self._jumps,
            "largest_jump_m": float(self._largest_jump),
        }
        if self._mapper.recognizer.memory.problem:
            return State("not_saved", self._mapper.recognizer.memory.problem), figures
        if self._mapper.lost:
            return State("lost", "no remembered place has been recognised for too long"), figures
        older_s = self._mapper.older_than_map_s
        if older_s > 0.0:
            return State("not_mapping", f"scans are {older_s:.6g} s older than the newest keyframe"), figures
        return State(), figures


def main() -> int:
    """Entry point `place_recognition_node`."""
    return run(PlaceRecognitionNode)


if __name__ == "__main__":
    sys.exit(main())
