"""LiDAR odometry in its own process, over real DDS."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from nav_msgs.msg import Odometry
from scipy.spatial.transform import Rotation
from tf2_msgs.msg import TFMessage

from isometry.geometry import se3
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.diagnostics import values_of
from isometry.nodes.runtime.quality_of_service import reliable

if TYPE_CHECKING:
    from test.nodes.conftest import NodeProcess, Robot

    Start = Callable[..., NodeProcess]

SECOND = 1_000_000_000
TENTH = SECOND // 10
NODE = "lidar_odometry"


class Listener:
    """A robot without wheel encoders, that receives its odometry."""

    def __init__(self, robot: Robot) -> None:
        self.robot = robot
        robot.node.destroy_publisher(robot.odom)
        self.odometry: dict[int, Odometry] = {}
        self.edges: dict[int, np.ndarray] = {}
        robot.node.create_subscription(Odometry, "odom", self._receive, reliable(100))
        robot.node.create_subscription(TFMessage, "/tf", self._receive_tf, reliable(100))

    def _receive(self, message: Odometry) -> None:
        self.odometry[messages.stamp_ns(message.header.stamp)] = message

    def _receive_tf(self, message: TFMessage) -> None:
        for stamped in message.transforms:
            if (stamped.header.frame_id, stamped.child_frame_id) == ("odom", "base_link"):
                self.edges[messages.stamp_ns(stamped.header.stamp)] = messages.from_transform(stamped.transform)

    def meet(self) -> None:
        robot = self.robot
        robot.until(lambda: robot.points.get_subscription_count() and robot.node.count_publishers("odom"))
        robot.until(lambda: robot.status.message)

    def scan(self, true: np.ndarray, stamp: int, T_base_lidar: np.ndarray | None = None) -> np.ndarray:
        """Send a scan, and wait for the answer of the node: T_odom_base."""
        points, frame = self.robot.scan(true), "base_link"
        if T_base_lidar is not None:
            points, frame = se3.apply(se3.inverse(T_base_lidar), points), "lidar"
        self.robot.send_points(points, stamp, frame)
        self.robot.until(lambda: stamp in self.odometry)
        return messages.from_pose(self.odometry[stamp].pose.pose)


@pytest.fixture
def listener(robot: Robot) -> Listener:
    return Listener(robot)


def along(k: int) -> np.ndarray:
    """A bend at 5 m/s and a tenth of a second a scan."""
    return se3.from_planar(0.5 * k, 0.01 * k * k, 0.04 * k)


def test_a_robot_without_odometry_gets_it_with_covariance_twist_and_tf(listener: Listener, start: Start) -> None:
    node = start(NODE, sensor_pose="identity")
    listener.meet()
    for k in range(25):
        found = listener.scan(along(k), SECOND + k * TENTH)
        assert np.linalg.norm((found - se3.inverse(along(0)) @ along(k))[:3, 3]) < 0.2
    last = SECOND + 24 * TENTH
    message = listener.odometry[last]
    assert (message.header.frame_id, message.child_frame_id) == ("odom", "base_link")
    covariance = np.array(message.pose.covariance).reshape(6, 6)
    assert np.linalg.eigvalsh(covariance).min() > 0.0
    assert np.array(message.twist.covariance)[::7].min() > 0.0
    moved = se3.inverse(along(23)) @ along(24)
    linear, angular = message.twist.twist.linear, message.twist.twist.angular
    assert np.allclose([linear.x, linear.y, linear.z], 10.0 * moved[:3, 3], atol=0.5)
    assert abs(angular.z - 10.0 * se3.yaw(moved)) < 0.1
    listener.robot.until(lambda: last in listener.edges)
    assert np.allclose(listener.edges[last], found, atol=1e-9)
    listener.robot.until(lambda: "overlap" in values_of(listener.robot.status))
    assert node.stop() == 0


def test_a_sensor_mounted_any_way_gives_the_path_of_the_base(listener: Listener, start: Start) -> None:
    start(NODE, sensor_pose="tf")
    listener.meet()
    T_base_lidar = se3.from_rotation_translation(Rotation.random(random_state=2).as_matrix(), np.array([0.5, 0.2, 1.0]))
    stamps = count(SECOND, TENTH)

    def mounted() -> bool:
        listener.robot.send_static("base_link", "lidar", T_base_lidar)
        listener.robot.send_points(
            se3.apply(se3.inverse(T_base_lidar), listener.robot.scan(np.eye(4))), s := next(stamps), "lidar"
        )
        listener.robot.listen(0.2)
        return s in listener.odometry

    listener.robot.until(mounted)
    for k in range(15):
        found = listener.scan(along(k), next(stamps), T_base_lidar)
    assert np.linalg.norm((found - along(14))[:3, 3]) < 0.2


def test_without_publish_tf_there_is_none(listener: Listener, start: Start) -> None:
    start(NODE, sensor_pose="identity", publish_tf=False)
    listener.meet()
    listener.scan(np.eye(4), SECOND)
    listener.scan(np.eye(4), 2 * SECOND)
    listener.robot.listen(0.5)  # a transform would come after the odometry
    assert not listener.edges


def test_a_bag_that_starts_again_starts_odometry_again(listener: Listener, start: Start) -> None:
    start(NODE, sensor_pose="identity")
    listener.meet()
    for k in range(8):
        listener.scan(along(k), 1000 * SECOND + k * TENTH)
    found = listener.scan(along(3), 10 * SECOND)
    assert np.allclose(found, np.eye(4))
    assert (
        np.linalg.norm((listener.scan(along(4), 10 * SECOND + TENTH) - se3.inverse(along(3)) @ along(4))[:3, 3]) < 0.1
    )


def test_bad_scans_are_named_and_the_node_goes_on(listener: Listener, start: Start) -> None:
    node = start(NODE, sensor_pose="identity")
    listener.meet()
    robot, stamps = listener.robot, count(SECOND, SECOND)

    def named(points: np.ndarray, words: str) -> bool:
        robot.send_points(points, next(stamps))
        robot.listen(0.2)
        return robot.state == "bad_input" and words in robot.status.message

    listener.scan(np.eye(4), next(stamps))
    for points, words in (
        (np.empty((0, 3)), "0 finite points"),
        (np.full((500, 3), np.nan), "0 finite points"),
        (1000.0 * robot.scan(np.eye(4)), "millimetre"),
    ):
        robot.until(partial(named, points, words))
    assert np.allclose(listener.scan(np.eye(4), next(stamps)), np.eye(4), atol=0.2)
    assert node.runs


@pytest.mark.parametrize(
    ("parameters", "state", "words"),
    [
        ({"sensor_pose": "guess"}, "bad_input", "sensor_pose = 'guess'"),
        ({"sensor_pose": "tf", "transform_timeout": 0.0}, "no_tf", "'lidar'"),
    ],
)
def test_what_is_missing_is_named(
    listener: Listener, start: Start, parameters: dict[str, Any], state: str, words: str
) -> None:
    node = start(NODE, **parameters)
    stamps = count(SECOND, SECOND)

    def reported() -> bool:
        listener.robot.send_points(listener.robot.scan(np.eye(4)), next(stamps), "lidar")
        listener.robot.listen(0.2)
        return listener.robot.state == state and words in listener.robot.status.message

    listener.robot.until(reported)
    assert node.runs


def test_on_an_open_field_the_free_axes_are_named_and_their_covariance_grows(listener: Listener, start: Start) -> None:
    start(NODE, sensor_pose="identity")
    listener.meet()
    x, y = (axis.ravel() for axis in np.mgrid[-20.0:20.0:0.25, -20.0:20.0:0.25])
    random = np.random.default_rng(0)
    for k in range(5):
        field = np.column_stack([x, y, random.normal(-1.5, 0.01, len(x))])
        listener.robot.send_points(field, stamp := SECOND + k * TENTH)
        listener.robot.until(partial(listener.odometry.__contains__, stamp))
    variances = np.array([listener.odometry[SECOND + k * TENTH].pose.covariance for k in range(5)])[:, ::7]
    assert np.all(np.diff(variances[:, :2], axis=0) > 0.5)  # m2 of x and y: 1 m after a tenth of a second
    assert np.all(np.diff(variances[:, 5]) > 0.005)  # rad2 of yaw
    assert variances[-1, 2] < 0.01
    listener.robot.until(lambda: listener.robot.state == "unconstrained")
    assert "x, y, yaw of base_link" in listener.robot.status.message


def test_one_stamp_in_the_future_changes_nothing(listener: Listener, start: Start) -> None:
    start(NODE, sensor_pose="identity")
    listener.meet()
    for k in range(6):
        listener.scan(along(k), SECOND + k * TENTH)
    listener.robot.send_points(listener.robot.scan(along(6)), 3600 * SECOND)
    listener.robot.until(lambda: int(values_of(listener.robot.status).get("out_of_order", "0")) == 1)
    found = listener.scan(along(7), SECOND + 7 * TENTH)
    assert np.linalg.norm((found - se3.inverse(along(0)) @ along(7))[:3, 3]) < 0.2


def test_a_reset_begins_a_new_odom_frame(listener: Listener, start: Start) -> None:
    start(NODE, sensor_pose="identity")
    listener.meet()
    for k in range(6):
        before = listener.scan(along(k), SECOND + k * TENTH)
    assert before[0, 3] > 1.0
    assert listener.robot.call("reset", NODE).success
    assert np.allclose(listener.scan(along(6), SECOND + 6 * TENTH), np.eye(4))
    after = listener.scan(along(7), SECOND + 7 * TENTH)
    assert np.linalg.norm((after - se3.inverse(along(6)) @ along(7))[:3, 3]) < 0.2
