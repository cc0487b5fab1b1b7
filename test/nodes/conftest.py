"""The node as a user starts it, and a robot around it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseWithCovarianceStamped, TransformStamped
from nav_msgs.msg import Odometry
from nav_msgs.msg import Path as PathMessage
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from isometry.geometry import se3
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.diagnostics import values_of
from isometry.nodes.runtime.point_cloud2 import encode_xyz
from isometry.nodes.runtime.quality_of_service import latched, reliable

REPOSITORY = Path(__file__).resolve().parents[2]
LONG_S = 60.0
SECOND = 1_000_000_000
LOSSLESS = ("points", "odom", "detections")
SIZES = (0, 1, 3, 7, 641, 4096, 2**31 - 1, 2**32 - 1)


@pytest.fixture
def ros() -> Iterator[None]:
    rclpy.init(args=[])
    yield
    rclpy.try_shutdown()


class Robot:
    """A robot that drives through a town of walls, and receives all outputs of place recognition."""

    def __init__(self) -> None:
        self.node = Node("robot")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.town = town()
        self.odom_known, self.left = True, False
        self.matches: dict[int, dict[str, str]] = {}
        self.poses: dict[int, np.ndarray] = {}
        self.map_to_odom: list[np.ndarray] = []
        self.map_to_odom_stamps_ns: list[int] = []
        self.corrections: list[np.ndarray] = []
        self.path: list[np.ndarray] = []
        self.status, self.status_stamp_ns = DiagnosticStatus(), -1
        self.points = self.node.create_publisher(PointCloud2, "points", reliable())
        self.tf = self.node.create_publisher(TFMessage, "/tf", reliable(100))
        self.tf_static = self.node.create_publisher(TFMessage, "/tf_static", latched(100))
        self.odom = self.node.create_publisher(Odometry, "odom", reliable())
        subscribe = self.node.create_subscription
        subscribe(DiagnosticArray, "match", self._receive_match, reliable(100))
        subscribe(PoseWithCovarianceStamped, "pose", self._receive_pose, reliable(100))
        subscribe(TransformStamped, "correction", self._receive_correction, reliable(100))
        subscribe(PathMessage, "keyframes", self._receive_path, latched())
        subscribe(DiagnosticArray, "/diagnostics", self._receive_status, reliable(100))
        subscribe(TFMessage, "/tf", self._receive_tf, reliable(100))

    def _receive_match(self, message: DiagnosticArray) -> None:
        self.matches[messages.stamp_ns(message.header.stamp)] = values_of(message.status[0])

    def _receive_pose(self, message: PoseWithCovarianceStamped) -> None:
        assert message.header.frame_id == "map"
        self.poses[messages.stamp_ns(message.header.stamp)] = messages.from_pose(message.pose.pose)

    def _receive_correction(self, message: TransformStamped) -> None:
        self.corrections.append(messages.from_transform(message.transform))

    def _receive_path(self, message: PathMessage) -> None:
        self.path = [messages.from_pose(pose.pose) for pose in message.poses]

    def _receive_status(self, message: DiagnosticArray) -> None:
        self.status, self.status_stamp_ns = message.status[0], messages.stamp_ns(message.header.stamp)

    def _receive_tf(self, message: TFMessage) -> None:
        for stamped in message.transforms:
            if (stamped.header.frame_id, stamped.child_frame_id) == ("map", "odom"):
                self.map_to_odom.append(messages.from_transform(stamped.transform))
                self.map_to_odom_stamps_ns.append(messages.stamp_ns(stamped.header.stamp))

    def leave(self) -> None:
        """Leave the network: to be called before a node is killed.

        Fast DDS shares queues between the processes, and where one of them was killed, another may crash when it closes
        them (a segmentation fault in `SharedMemChannelResource::release`, in one of thirty to a hundred kills).
        """
        if not self.left:
            self.executor.shutdown()
            self.node.destroy_node()
        self.left = True

    @property
    def state(self) -> str:
        return values_of(self.status).get("state", "")

    def until(self, happened: Callable[[], Any], timeout_s: float = LONG_S) -> None:
        """Spin until something has happened; fail, with the last report of the node, when it does not."""
        end = time.monotonic() + timeout_s
        while not happened():
            assert time.monotonic() < end, f"did not happen; the node reports: {self.status.message}"
            self.executor.spin_once(timeout_sec=0.05)

    def listen(self, seconds: float) -> None:
        """Spin for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)

    def scan(self, true: np.ndarray) -> np.ndarray:
        """Points (N,3) of the town within 40 m of the robot, in its base frame."""
        points = se3.apply(se3.inverse(true), self.town)
        near: np.ndarray = points[np.linalg.norm(points[:, :2], axis=1) < 40.0]
        return near

    def send_odometry(self, T_odom_base: np.ndarray, stamp_ns: int) -> None:
        stamped = messages.to_transform_stamped(T_odom_base, "odom", "base_link", stamp_ns)
        self.tf.publish(TFMessage(transforms=[stamped]))

    def send_points(self, points: np.ndarray, stamp_ns: int, frame: str = "base_link") -> None:
        self.points.publish(encode_xyz(points, Header(stamp=messages.to_stamp(stamp_ns), frame_id=frame)))

    def send_static(self, parent: str, child: str, T_parent_child: np.ndarray) -> None:
        stamped = messages.to_transform_stamped(T_parent_child, parent, child, 0)
        self.tf_static.publish(TFMessage(transforms=[stamped]))

    def drive(self, true: np.ndarray, stamp_ns: int, T_odom_base: np.ndarray | None = None) -> dict[str, str]:
        """One scan and its odometry; returns the answer."""
        self.send_odometry(true if T_odom_base is None else T_odom_base, stamp_ns)
        self.send_points(self.scan(true), stamp_ns)
        self.until(lambda: stamp_ns in self.matches)
        return self.matches[stamp_ns]

    def call(self, service: str, node: str = "place_recognition") -> Trigger.Response:
        client: Any = self.node.create_client(Trigger, f"/{node}/{service}")
        self.until(client.service_is_ready)
        future = client.call_async(Trigger.Request())
        self.until(future.done)
        return future.result()

    def meet(self) -> None:
        """Wait until the node and the robot have subscribed to each other."""
        others = [self.points, self.tf]
        self.until(lambda: all(publisher.get_subscription_count() > (publisher is self.tf) for publisher in others))
        self.until(lambda: self.node.count_publishers("match") and self.node.count_publishers("pose"))


def town(seed: int = 0) -> np.ndarray:
    """Points (N,3) on walls of random length and height around the origin."""
    random = np.random.default_rng(seed)
    walls = []
    for _ in range(60):
        centre, direction = random.uniform(-45.0, 45.0, 2), random.uniform(0.0, np.pi)
        along = np.arange(0.0, random.uniform(3.0, 15.0), 0.3)
        height = np.arange(0.3, random.uniform(1.0, 5.0), 0.3)
        a, z = (grid.ravel() for grid in np.meshgrid(along, height))
        walls.append(np.column_stack([centre[0] + a * np.cos(direction), centre[1] + a * np.sin(direction), z]))
    return np.concatenate(walls)


class NodeProcess:
    """The node in its own process."""

    def __init__(self, log: Path, capability: str, **parameters: Any) -> None:
        self.log = log
        values = [item for name, value in parameters.items() for item in ("-p", f"{name}:={_text(value)}")]
        command = [sys.executable, "-m", f"isometry.nodes.{capability}.node", "--ros-args", *values]
        with open(log, "w") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=REPOSITORY)

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        if self.runs:
            self.process.send_signal(how)
        return self.process.wait(timeout=LONG_S)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., NodeProcess]]:
    """Starts nodes by the names of their capabilities."""
    started: list[NodeProcess] = []

    def start(capability: str, **parameters: Any) -> NodeProcess:
        # best effort may lose a message that is sent before the subscriber, too, knows of its publisher
        lossless = {f"qos_overrides./{topic}.subscription.reliability": "reliable" for topic in LOSSLESS}
        started.append(NodeProcess(tmp_path / f"node{len(started)}.log", capability, **{**lossless, **parameters}))
        return started[-1]

    yield start
    for node in started:
        node.stop(signal.SIGKILL)


@pytest.fixture
def new_robot(ros: None, start: Callable[..., NodeProcess]) -> Iterator[Callable[[], Robot]]:
    """Makes robots, which leave before the nodes that `start` made are killed."""
    robots: list[Robot] = []

    def new_robot() -> Robot:
        robots.append(Robot())
        return robots[-1]

    yield new_robot
    for robot in robots:
        robot.leave()


@pytest.fixture
def robot(new_robot: Callable[[], Robot]) -> Robot:
    return new_robot()


@pytest.fixture
def start_node(start: Callable[..., NodeProcess]) -> Callable[..., NodeProcess]:
    """Starts place recognition; short gates, so that a circle of a minute's drive closes a loop."""
    gates = {"loop_min_age": 5.0, "loop_min_travel": 20.0, "sensor_pose": "identity", "gravity": "none"}
    return lambda **parameters: start("place_recognition", **{**gates, **parameters})


@pytest.fixture
def lying() -> Callable[[np.random.Generator, dict[str, Any], Sequence[str]], dict[str, Any]]:
    """Makes copies of good messages of a camera, by topic, of which one to three fields lie."""
    return lying_messages


def lying_messages(random: np.random.Generator, sent: dict[str, Any], images: Sequence[str]) -> dict[str, Any]:
    changed = {topic: deepcopy(message) for topic, message in sent.items()}
    info, image = changed["camera_info"], changed[images[int(random.integers(len(images)))]]
    numbers = (0.0, -1.0, 1e30, np.inf, np.nan)
    changes: list[Callable[[], None]] = [
        lambda: setattr(image, "width", int(random.choice(SIZES))),
        lambda: setattr(image, "height", int(random.choice(SIZES))),
        lambda: setattr(image, "step", int(random.choice(SIZES))),
        lambda: setattr(image, "is_bigendian", 1),
        lambda: setattr(image, "encoding", str(random.choice(["", "rgb8", "mono8", "16UC1", "32FC1", "bayer_rggb8"]))),
        lambda: setattr(image, "data", random.bytes(len(image.data))),
        lambda: setattr(image, "data", image.data[: int(random.integers(0, len(image.data)))]),
        lambda: setattr(info, "width", int(random.choice(SIZES))),
        lambda: setattr(info, "k", random.choice(numbers, 9)),
        lambda: setattr(info, "d", random.choice(numbers, int(random.integers(0, 15))).tolist()),
        lambda: setattr(info, "distortion_model", str(random.choice(["", "plumb_bob", "equidistant", "other"]))),
        lambda: setattr(info, "binning_x", int(random.choice(SIZES))),
    ]
    for k in random.choice(len(changes), random.integers(1, 4), replace=False):
        changes[k]()
    return changed
