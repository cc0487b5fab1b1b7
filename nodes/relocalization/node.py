"""Relocalisation as a lifecycle node: points, odometry and a saved map in; pose and map -> odom out."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from geometry_msgs.msg import PoseArray, PoseWithCovarianceStamped
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from isometry.arrays import Array
from isometry.datasets.point_cloud_file import open_point_cloud
from isometry.inference import ProviderParameters
from isometry.lidar_odometry.parameters import LidarOdometryParameters
from isometry.lidar_odometry.pipeline import LidarOdometry
from isometry.nodes.relocalization.parameters import RelocalizationNodeParameters
from isometry.nodes.runtime import messages, parameters
from isometry.nodes.runtime.diagnostics import State
from isometry.nodes.runtime.lifecycle_node import PerceptionNode, run
from isometry.nodes.runtime.map_to_odom import MapToOdom
from isometry.nodes.runtime.motion_inputs import GravityInput, OdometryInput, gravity_input, odometry_input
from isometry.nodes.runtime.point_cloud2 import encode_xyz
from isometry.nodes.runtime.quality_of_service import latched, reliable
from isometry.nodes.runtime.transforms import Transform
from isometry.place_recognition.encoder import BirdsEyeEncoder
from isometry.place_recognition.memory import PlaceMemory
from isometry.place_recognition.parameters import PlaceRecognitionParameters
from isometry.place_recognition.pipeline import PlaceRecognizer
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.pipeline import load_registrar
from isometry.relocalization.memory_places import MemoryPlaces
from isometry.relocalization.parameters import RelocalizationParameters
from isometry.relocalization.pipeline import RelocalizationStep, Relocalizer
from isometry.relocalization.places import CloudPlaces, Places
from isometry.sensing.point_cloud2 import decode_xyz

LOST = {
    "low_confidence": "the scan fits no place of the map that was searched",
    "ambiguous": "the scan fits several places of the map, or its surfaces do not determine the pose: drive on",
    "no_hypothesis": "the scan fits no place of the map that was searched",
    "out_of_time": "the time of a scan was over before the place was found",
    "nothing_there": "the map holds nothing where the robot should be",
    "unconfirmed": "a place was found; another scan, or the search for its rivals, must confirm it",
    "jump": "scans disagree with odometry",
}
INITIAL_POSE_SIGMAS, INITIAL_POSE_METRES = 3.0, 2.0  # how far the robot may be from an initialpose drawn by hand
SHOWN_POINTS = 200_000  # of the map, for RViz
PARAMETERS = (
    ("", RelocalizationNodeParameters),
    ("", ProviderParameters),
    ("", RelocalizationParameters),
    ("registration.", RegistrationParameters),
    ("recognition.", PlaceRecognitionParameters),
)


class RelocalizationNode(PerceptionNode[RelocalizationNodeParameters]):
    """Brings messages to `Relocalizer`, which is the method, and publishes its results.

    When stamps run backwards by more than a second (a bag that loops), or `~/relocalize` is called, the robot is lost
    and searched for in all of the map.
    """

    def __init__(self) -> None:
        super().__init__("relocalization", RelocalizationNodeParameters, PARAMETERS)
        self._relocalizer: Relocalizer | None = None
        self._lidar_odometry: LidarOdometry | None = None
        self._odometry: OdometryInput | None = None
        self._gravity: GravityInput | None = None

    # Lifecycle.
    def configure(self) -> None:
        """Load the map, then advertise."""
        own, method = self.own, parameters.read(self, RelocalizationParameters)
        provider = parameters.read(self, ProviderParameters)
        registration = parameters.read(self, RegistrationParameters, "registration.")
        registrar = load_registrar(own.method, registration, provider)
        self._models = registrar.models
        places = self._load_map(registrar.parameters, method, provider)
        self._relocalizer = Relocalizer(registrar, places, method)
        if own.odometry == "none":
            self._lidar_odometry = LidarOdometry(LidarOdometryParameters())
        self._last: RelocalizationStep | None = None
        self._times_found = self._initial_poses_refused = 0
        self._own_initial_pose: PoseWithCovarianceStamped | None = None
        self._advertise()

    def _load_map(
        self, registration: RegistrationParameters, method: RelocalizationParameters, provider: ProviderParameters
    ) -> Places:
        own = self.own
        if own.map_file:
            cloud, layout = open_point_cloud(Path(own.map_file).expanduser(), own.map_columns)
            if layout:
                self.get_logger().info(f"map_file is read as {layout}")
            self._shown_points = _shown(cloud)
            cloud_places = CloudPlaces(cloud, registration, method.level_map, method.reach)
            if cloud_places.left_out:
                self.get_logger().warning(f"left out {cloud_places.left_out} points of the map far off all others")
            return cloud_places
        encoder = BirdsEyeEncoder.load(provider=provider)
        self._models.append(encoder.model)
        path = Path(own.memory_file).expanduser()
        memory = PlaceMemory.load(path, encoder.sha256, encoder.descriptor_size)
        recognition = parameters.read(self, PlaceRecognitionParameters, "recognition.")
        places = MemoryPlaces(PlaceRecognizer(encoder, memory, recognition), registration, method.reach)
        self._shown_points = _shown(places.points)
        return places

    def _advertise(self) -> None:
        own = self.own
        self._pose = self.advertise(PoseWithCovarianceStamped, "pose", reliable())
        self._alternatives = self.advertise(PoseArray, "alternatives", reliable())
        self._map = self.advertise(PointCloud2, "map_points", latched())
        self._initialpose = (
            self.advertise(PoseWithCovarianceStamped, "initialpose", reliable()) if own.publish_initialpose else None
        )
        self._map_to_odom = MapToOdom(self) if own.publish_tf and own.odometry != "none" else None
        self.serve("relocalize", self._relocalize)
        header = Header(frame_id=own.map_frame, stamp=self.get_clock().now().to_msg())
        self._map.publish(encode_xyz(self._shown_points, header))

    def cleanup(self) -> None:
        """Give back publishers, services and the map."""
        super().cleanup()
        self._relocalizer = self._lidar_odometry = None

    def activate(self) -> None:
        """Subscribe."""
        self._odometry, self._gravity = odometry_input(self), gravity_input(self)
        self.subscribe_main_input(PointCloud2, "points")
        self.subscribe(PoseWithCovarianceStamped, "initialpose", self._receive_initial_pose, reliable())

    # Requests, which are done on the worker's thread.
    def _relocalize(self) -> str:
        assert self._relocalizer is not None  # the service lives between configure and cleanup
        self._relocalizer.forget()
        return "the robot is searched for in all of the map from the next scan on"

    def _receive_initial_pose(self, message: PoseWithCovarianceStamped) -> None:
        """Take an initialpose, unless this node has published it."""
        if message == self._own_initial_pose:
            return
        if message.header.frame_id.lstrip("/") not in ("", self.own.map_frame):
            self.get_logger().warning(
                f"ignored initialpose in frame {message.header.frame_id!r}: it must be {self.own.map_frame!r}"
            )
            return
        covariance = np.array(message.pose.covariance).reshape(6, 6)
        standard_deviation = float(np.sqrt(max(np.trace(covariance[:3, :3]), 0.0)))
        try:
            T_map_base = messages.from_pose(message.pose.pose)
        except ValueError as error:
            self.get_logger().warning(f"ignored initialpose: {error}")
            return
        if not (np.isfinite(T_map_base).all() and np.isfinite(standard_deviation)):
            self.get_logger().warning("ignored initialpose: it is not finite")
            return
        radius = INITIAL_POSE_METRES + INITIAL_POSE_SIGMAS * standard_deviation
        self.worker.submit(partial(self._set_initial_pose, T_map_base, radius))

    def _set_initial_pose(self, T_map_base: Transform, radius: float) -> None:
        if self._relocalizer is not None:
            self._relocalizer.set_initial_pose(T_map_base, radius)

    # One scan, on the worker's thread.
    def restart(self) -> None:
        """Locate again."""
        assert self._relocalizer is not None
        self._relocalizer.forget()
        if self._lidar_odometry is not None:
            self._lidar_odometry.reset()

    def process(self, message: PointCloud2, stamp_ns: int) -> RelocalizationStep:
        """Locate the robot."""
        assert self._relocalizer is not None
        points, T_base_sensor = self.sensors.in_base_frame(
            decode_xyz(message).astype(np.float64), message.header.frame_id, stamp_ns
        )
        origin = T_base_sensor[:3, 3]
        T_odom_base = self._odometry_at(points, origin, stamp_ns)
        up = None if self._gravity is None else self._gravity.up(stamp_ns)
        return self._relocalizer.process(points, T_odom_base, origin, up)

    def _odometry_at(self, points: Array, origin: Array, stamp_ns: int) -> Transform:
        if self._lidar_odometry is not None:
            return self._lidar_odometry.process(points, stamp_ns, origin).T_odom_base
        assert self._odometry is not None
        return self._odometry.lookup(stamp_ns)

    def publish(self, step: RelocalizationStep, stamp_ns: int) -> State:
        """The pose, if this scan gives one, and map -> odom on TF."""
        state = State() if step.located else State("lost", LOST.get(step.reason, step.reason))
        logger = self.get_logger()
        if self._last is not None and self._last.located and not step.located:
            logger.warning(f"lost: {state.detail}")
        if step.initial_pose_refused:
            self._initial_poses_refused += 1
            logger.warning("initialpose refused: the scan does not fit the map there")
        self._last = step
        if step.T_map_base is not None and step.covariance is not None:
            self._publish_pose(step, step.T_map_base, step.covariance, stamp_ns)
        if not step.located or step.began:  # once located there are none: an empty list replaces the last one
            self._publish_alternatives(step.alternatives, stamp_ns)
        if self._map_to_odom is not None and self._odometry is not None:
            self._map_to_odom.set(step.T_map_odom, self._odometry.frame)
        if step.T_map_base is not None:
            self.count_published(stamp_ns)
        return state

    def _publish_alternatives(self, T_map_base: Array, stamp_ns: int) -> None:
        """The poses (A,4,4) of a lost robot that fit all scans up to now."""
        alternatives = PoseArray()
        alternatives.header.frame_id, alternatives.header.stamp = self.own.map_frame, messages.to_stamp(stamp_ns)
        alternatives.poses = [messages.to_pose(pose) for pose in T_map_base]
        self._alternatives.publish(alternatives)

    def _publish_pose(self, step: RelocalizationStep, T_map_base: Array, covariance: Array, stamp_ns: int) -> None:
        pose = PoseWithCovarianceStamped()
        pose.header.frame_id, pose.header.stamp = self.own.map_frame, messages.to_stamp(stamp_ns)
        pose.pose.pose = messages.to_pose(T_map_base)
        pose.pose.covariance = covariance.reshape(-1)
        self._pose.publish(pose)
        if step.began:
            self._times_found += 1
            x, y, z = T_map_base[:3, 3]
            self.get_logger().info(f"located at {x:.2f} {y:.2f} {z:.2f} m, confidence {step.confidence:.3f}")
            if self._initialpose is not None:
                self._own_initial_pose = pose
                self._initialpose.publish(pose)

    # Diagnostics.
    def diagnose(self) -> tuple[State, Mapping[str, object]]:
        """Whether the robot is lost, and how well the last scan fits the map."""
        if self._relocalizer is None:
            return State(), {}
        figures: dict[str, object] = {
            "provider": " ".join(sorted({model.provider for model in self._models})),
            "model": " ".join(model.name for model in self._models),
            "model_sha256": " ".join(model.sha256 for model in self._models),
            "map": self.own.map_file or self.own.memory_file,
            "found": self._times_found,
            "guesses_refused": self._initial_poses_refused,
        }
        if self._last is not None:
            figures |= {
                "reason": self._last.reason,
                "confidence": float(self._last.confidence),
                "overlap": float(self._last.overlap),
                "searched_places": self._last.searched,
                "left_out": self._last.left_out,
            }
        if not self._relocalizer.located:
            return State("lost", "the robot has not been found in the map yet"), figures
        return State(), figures


def _shown(points: Array) -> Array:
    """At most `SHOWN_POINTS` of points (N,3), which do not keep the others in memory."""
    return points[:: max(1, -(-len(points) // SHOWN_POINTS))].copy()


def main() -> int:
    """Entry point `relocalization_node`."""
    return run(RelocalizationNode)


if __name__ == "__main__":
    sys.exit(main())
