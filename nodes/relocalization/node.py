"""Relocalisation as a lifecycle node: points, odometry and a saved map in; pose and map -> odom out."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from geometry_msgs.msg import PoseWithCovarianceStamped
from numpy.typing import NDArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.subscription import Subscription
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from isometry.datasets.point_cloud_file import read_point_cloud
from isometry.lidar_odometry.parameters import LidarOdometryParameters
from isometry.lidar_odometry.pipeline import LidarOdometry
from isometry.nodes.relocalization.parameters import RelocalizationNodeParameters
from isometry.nodes.runtime import messages, parameters
from isometry.nodes.runtime.diagnostics import State
from isometry.nodes.runtime.lifecycle_node import PerceptionNode, run
from isometry.nodes.runtime.motion_inputs import GravityInput, OdometryInput, OdometryTransforms, odometry_input
from isometry.nodes.runtime.point_cloud2 import encode_xyz
from isometry.nodes.runtime.quality_of_service import latched, overridable, reliable, sensor_data
from isometry.nodes.runtime.sensor_poses import SensorPoses
from isometry.nodes.runtime.stamps import StampOrder
from isometry.nodes.runtime.transform_topics import TransformBroadcaster, TransformListener
from isometry.nodes.runtime.transforms import Transform, TransformBuffer, TransformError
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
    "no_hypothesis": "the scan fits no place of the map that was searched",
    "nothing_there": "the map holds nothing where the robot should be",
    "unconfirmed": "a place was found and waits for another scan to confirm it",
    "jump": "scans disagree with odometry",
}
GUESS_SIGMAS, GUESS_METRES = 3.0, 2.0  # how far the robot may be from an initialpose, which a hand has drawn
SHOWN_POINTS = 200_000  # of the map, for RViz
PARAMETERS = (
    ("", RelocalizationNodeParameters),
    ("", RelocalizationParameters),
    ("registration.", RegistrationParameters),
    ("recognition.", PlaceRecognitionParameters),
)


class RelocalizationNode(PerceptionNode):
    """Carries messages to and from `Relocalizer`, which is the method.

    When stamps run backwards by more than a second (a bag that loops), or `~/relocalize` is called, the robot is lost
    and searched for in all of the map.
    """

    def __init__(self) -> None:
        super().__init__("relocalization", PARAMETERS)
        self._relocalizer: Relocalizer | None = None
        self._own_odometry: LidarOdometry | None = None
        self._subscriptions_now: list[Subscription] = []
        self._odometry: OdometryInput | OdometryTransforms | None = None
        self._gravity: GravityInput | None = None

    # Lifecycle.
    def configure(self) -> None:
        """Load the map, then advertise."""
        self._own = own = parameters.read(self, RelocalizationNodeParameters)
        own.check_choices()
        method = parameters.read(self, RelocalizationParameters)
        registrar = load_registrar(own.method, parameters.read(self, RegistrationParameters, "registration."))
        places = self._map_places(registrar.parameters, method)
        self._relocalizer = Relocalizer(registrar, places, method)
        if own.odometry == "none":
            self._own_odometry = LidarOdometry(LidarOdometryParameters())
        self._order, self._transforms = StampOrder(), TransformBuffer()
        self._sensors = SensorPoses(self._transforms, own.base_frame, own.sensor_pose, own.transform_timeout)
        self._last: RelocalizationStep | None = None
        self._found_times = self._guesses_refused = 0
        self._told: PoseWithCovarianceStamped | None = None
        self._advertise()

    def _map_places(self, registration: RegistrationParameters, method: RelocalizationParameters) -> Places:
        own = self._own
        if own.map_file:
            cloud = read_point_cloud(Path(own.map_file).expanduser())
            self._shown = cloud
            return CloudPlaces(cloud, registration, method.level_map, method.reach)
        encoder = BirdsEyeEncoder.load()
        path = Path(own.memory_file).expanduser()
        memory = PlaceMemory.load(path, encoder.sha256, encoder.descriptor_size)
        recognition = parameters.read(self, PlaceRecognitionParameters, "recognition.")
        places = MemoryPlaces(PlaceRecognizer(encoder, memory, recognition), registration, method.reach)
        self._shown = places.points
        return places

    def _advertise(self) -> None:
        self._pose = self.advertise(PoseWithCovarianceStamped, "pose", reliable())
        self._map = self.advertise(PointCloud2, "map_points", latched())
        self._initialpose = (
            self.advertise(PoseWithCovarianceStamped, "initialpose", reliable())
            if self._own.publish_initialpose
            else None
        )
        self.releases.append(TransformListener(self, self._transforms).close)
        self._broadcaster = None
        if self._own.publish_tf and self._own.odometry != "none":
            self._broadcaster = TransformBroadcaster(self)
            self.releases.append(self._broadcaster.close)
        service = self.create_service(
            Trigger, "~/relocalize", self._relocalize, callback_group=MutuallyExclusiveCallbackGroup()
        )
        self.releases.append(partial(self.destroy_service, service))
        step = max(1, -(-len(self._shown) // SHOWN_POINTS))
        header = Header(frame_id=self._own.map_frame, stamp=self.get_clock().now().to_msg())
        self._map.publish(encode_xyz(self._shown[::step], header))

    def cleanup(self) -> None:
        """Give back publishers, services and the map."""
        super().cleanup()
        self._relocalizer = self._own_odometry = None
        self._shown = np.zeros((0, 3))

    def activate(self) -> None:
        """Subscribe."""
        own = self._own
        self._odometry = odometry_input(self, own.odometry, self._transforms, own.odom_frame, own.base_frame)
        self._gravity = None
        if own.gravity == "imu":
            self._gravity = GravityInput(self, "imu", own.base_frame, self._transforms, own.gravity_time_constant)
        self._subscriptions_now = [
            self.create_subscription(
                PointCloud2, "points", self.enqueue, sensor_data(2), qos_overriding_options=overridable()
            ),
            self.create_subscription(PoseWithCovarianceStamped, "initialpose", self._hear_guess, reliable()),
        ]

    def deactivate(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions_now:
            self.destroy_subscription(subscription)
        for motion_input in (self._odometry, self._gravity):
            if motion_input is not None:
                motion_input.close()
        self._subscriptions_now = []

    def inputs(self) -> Sequence[Subscription]:
        """The points."""
        return self._subscriptions_now[:1]

    # What a user asks for; carried out on the worker's thread.
    async def _relocalize(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        def forget() -> None:
            assert self._relocalizer is not None  # the service lives between configure and cleanup
            self._relocalizer.forget()

        await self.on_worker(forget)
        response.success, response.message = True, "the robot is searched for in all of the map from the next scan on"
        return response

    def _hear_guess(self, message: PoseWithCovarianceStamped) -> None:
        """An initialpose, unless it is what this node has told itself."""
        if message == self._told:
            return
        if message.header.frame_id.lstrip("/") not in ("", self._own.map_frame):
            self.get_logger().warning(
                f"ignored initialpose in frame {message.header.frame_id!r}: it must be {self._own.map_frame!r}"
            )
            return
        covariance = np.array(message.pose.covariance).reshape(6, 6)
        spread = float(np.sqrt(max(np.trace(covariance[:3, :3]), 0.0)))
        try:
            T_map_base = messages.from_pose(message.pose.pose)
        except ValueError as error:
            self.get_logger().warning(f"ignored initialpose: {error}")
            return
        if not (np.isfinite(T_map_base).all() and np.isfinite(spread)):
            self.get_logger().warning("ignored initialpose: it is not finite")
            return
        self.worker.submit(partial(self._take_guess, T_map_base, GUESS_METRES + GUESS_SIGMAS * spread))

    def _take_guess(self, T_map_base: Transform, radius: float) -> None:
        if self._relocalizer is not None:
            self._relocalizer.set_initial_pose(T_map_base, radius)

    # One scan, on the worker's thread.
    def work(self, message: PointCloud2, received_s: float) -> State:
        """Locate, publish."""
        assert self._relocalizer is not None
        stamp_ns = messages.stamp_ns(message.header.stamp)
        try:
            if self._order.restarted(stamp_ns):
                self.get_logger().warning("time jumped back: locating again")
                self._relocalizer.forget()
                if self._own_odometry is not None:
                    self._own_odometry.reset()
            points, T_base_sensor = self._sensors.in_base_frame(
                decode_xyz(message).astype(np.float64), message.header.frame_id, stamp_ns
            )
            origin = T_base_sensor[:3, 3]
            T_odom_base = self._odometry_at(points, origin, stamp_ns)
            up = None if self._gravity is None else self._gravity.up(stamp_ns)
            step = self._relocalizer.process(points, T_odom_base, origin, up)
        except TransformError as error:
            return State("no_tf", str(error))
        except ValueError as error:
            return State("bad_input", str(error))
        self._publish(step, stamp_ns)
        if step.T_map_base is not None:
            self.published(stamp_ns, received_s)
        return State() if step.located else State("lost", LOST.get(step.reason, step.reason))

    def _odometry_at(self, points: NDArray[np.float64], origin: NDArray[np.float64], stamp_ns: int) -> Transform:
        if self._own_odometry is not None:
            return self._own_odometry.process(points, stamp_ns, origin).T_odom_base
        assert self._odometry is not None
        return self._odometry.lookup(stamp_ns, self._own.transform_timeout)

    def _publish(self, step: RelocalizationStep, stamp_ns: int) -> None:
        logger = self.get_logger()
        if self._last is not None and self._last.located and not step.located:
            logger.warning(f"lost: {LOST.get(step.reason, step.reason)}")
        if step.initial_pose_refused:
            self._guesses_refused += 1
            logger.warning("initialpose refused: the scan does not fit the map there")
        self._last = step
        if step.T_map_base is not None and step.covariance is not None:
            pose = PoseWithCovarianceStamped()
            pose.header.frame_id, pose.header.stamp = self._own.map_frame, messages.to_stamp(stamp_ns)
            pose.pose.pose = messages.to_pose(step.T_map_base)
            pose.pose.covariance = step.covariance.reshape(-1)
            self._pose.publish(pose)
            if step.began:
                self._found_times += 1
                x, y, z = step.T_map_base[:3, 3]
                logger.info(f"located at {x:.2f} {y:.2f} {z:.2f} m, confidence {step.confidence:.3f}")
                if self._initialpose is not None:
                    self._told = pose
                    self._initialpose.publish(pose)
        if self._broadcaster is not None and self._odometry is not None and step.T_map_odom is not None:
            dated_ns = stamp_ns + round(self._own.transform_tolerance * 1e9)
            self._broadcaster.send(step.T_map_odom, self._own.map_frame, self._odometry.frame, dated_ns)

    # Diagnostics.
    def diagnose(self) -> tuple[State, Mapping[str, object]]:
        """Lost or not, and how well the last scan fits the map."""
        if self._relocalizer is None:
            return State(), {}
        figures: dict[str, object] = {
            "map": self._own.map_file or self._own.memory_file,
            "found": self._found_times,
            "guesses_refused": self._guesses_refused,
        }
        if self._last is not None:
            figures |= {
                "reason": self._last.reason,
                "confidence": float(self._last.confidence),
                "overlap": float(self._last.overlap),
                "searched_places": self._last.searched,
            }
        if not self._relocalizer.located:
            return State("lost", "the robot has not been found in the map yet"), figures
        return State(), figures


def main() -> int:
    """Entry point `relocalization_node`."""
    return run(RelocalizationNode)


if __name__ == "__main__":
    sys.exit(main())
