"""What the node is given: clouds, odometry, transforms, an IMU and a clock, good and bad."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from nav_msgs.msg import Odometry
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import Imu
from std_msgs.msg import Header, String

from isometry.geometry import se3
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.diagnostics import values_of
from isometry.nodes.runtime.quality_of_service import reliable

if TYPE_CHECKING:
    from test.nodes.conftest import NodeProcess, Robot

    StartNode = Callable[..., NodeProcess]

SECOND = 1_000_000_000


def map_a_street(robot: Robot, stamp_ns: int) -> None:
    """Four keyframes along x."""
    for x in (0.0, 2.5, 5.0, 7.5):
        robot.drive(se3.from_planar(x, 0.0, 0.0), stamp_ns + round(x * SECOND))


def is_at(robot: Robot, true: np.ndarray, stamp_ns: int, degrees: float = 2.0) -> bool:
    """Whether the pose that was published for a scan is the true one, to 0.5 m."""
    if stamp_ns not in robot.poses:
        return False
    error = se3.inverse(true) @ robot.poses[stamp_ns]
    return bool(np.linalg.norm(error[:3, 3]) < 0.5 and se3.rotation_angle(error) < np.radians(degrees))


def test_missing_transforms_are_named_until_they_come(robot: Robot, start_node: StartNode) -> None:
    start_node(sensor_pose="tf", transform_timeout=0.05)
    robot.meet()
    scan, stamps = robot.scan(np.eye(4)), count(SECOND, SECOND // 2)

    def state_is(word: str, *names: str) -> Callable[[], bool]:
        def send_and_look() -> bool:
            stamp = next(stamps)
            if robot.odom_known:
                robot.send_odometry(np.eye(4), stamp)
            robot.send_points(scan, stamp, "lidar")
            robot.listen(0.2)
            return robot.state == word and all(name in robot.status.message for name in names)

        return send_and_look

    robot.odom_known = False
    robot.until(state_is("no_tf", "'odom'", "'base_link'"))
    robot.odom_known = True
    robot.until(state_is("no_tf", "'lidar'", "'base_link'"))
    T_base_lidar = se3.from_planar(0.3, 0.0, 1.0)
    robot.send_static("base_link", "lidar", T_base_lidar)
    robot.until(state_is("ok"))


def test_odometry_from_a_topic(robot: Robot, start_node: StartNode) -> None:
    start_node(odometry="topic")
    robot.meet()
    robot.until(lambda: robot.odom.get_subscription_count())
    poses = [np.eye(4), se3.from_planar(5.0, 1.0, 0.5)]
    for stamp, true in zip((SECOND, 6 * SECOND), poses, strict=True):
        header = Header(stamp=messages.to_stamp(stamp), frame_id="odom")
        odometry = Odometry(header=header, child_frame_id="base_link")
        odometry.pose.pose = messages.to_pose(true)
        robot.odom.publish(odometry)
        robot.send_points(robot.scan(true), stamp)
        robot.until(partial(robot.matches.__contains__, stamp))
    robot.until(lambda: len(robot.path) == 2)
    assert np.allclose(robot.path[1], poses[1], atol=1e-9)


def test_a_sensor_mounted_at_another_yaw_finds_the_same_places(robot: Robot, start_node: StartNode) -> None:
    start_node(sensor_pose="tf")
    robot.meet()
    T_base_lidar = se3.from_planar(0.0, 0.0, 0.0)
    stamps = count(SECOND, SECOND // 10)
    true = se3.from_planar(4.0, 0.5, 0.2)

    def send(T_map_base: np.ndarray, stamp: int) -> None:
        robot.send_static("base_link", "lidar", T_base_lidar)
        robot.send_odometry(T_map_base, stamp)
        robot.send_points(se3.apply(se3.inverse(T_base_lidar), robot.scan(T_map_base)), stamp, "lidar")
        robot.until(lambda: stamp in robot.matches)

    for x in (0.0, 2.5, 5.0, 7.5):
        send(se3.from_planar(x, 0.0, 0.0), round((1000.0 + x) * SECOND))
    T_base_lidar = se3.from_planar(0.4, -0.2, 2.0)

    def located() -> bool:
        send(true, stamp := next(stamps))
        if robot.matches[stamp]["accepted"] != "true":
            return False
        robot.until(partial(robot.poses.__contains__, stamp))
        return is_at(robot, true, stamp)

    robot.until(located)  # the new transform may come later than a scan
    assert all(located() for _ in range(3))


def test_a_tilted_robot_is_located_with_an_imu_and_not_without(robot: Robot, start_node: StartNode) -> None:
    start_node(gravity="imu")
    robot.meet()
    map_a_street(robot, 1000 * SECOND)
    imu = robot.node.create_publisher(Imu, "imu", reliable())
    T_base_imu = se3.from_rotation_translation(Rotation.from_euler("x", 90.0, degrees=True).as_matrix(), np.ones(3))
    tilt = Rotation.from_euler("xyz", [12.0, -9.0, 40.0], degrees=True).as_matrix()
    true = se3.from_rotation_translation(tilt, np.array([4.0, 0.5, 0.0]))
    up_in_imu = T_base_imu[:3, :3].T @ tilt.T @ [0.0, 0.0, 1.0]
    stamps = count(SECOND, SECOND // 10)

    def located(with_imu: bool) -> bool:
        stamp = next(stamps)
        if with_imu:
            reading = Imu(header=Header(stamp=messages.to_stamp(stamp), frame_id="imu"))
            force = reading.linear_acceleration
            force.x, force.y, force.z = map(float, 9.81 * up_in_imu)
            robot.send_static("base_link", "imu", T_base_imu)
            imu.publish(reading)
        if robot.drive(true, stamp)["accepted"] != "true":
            return False
        robot.until(partial(robot.poses.__contains__, stamp))
        return is_at(robot, true, stamp)

    assert not any(located(with_imu=False) for _ in range(3))
    robot.until(partial(located, with_imu=True))  # a scan may come before the first reading
    assert all(located(with_imu=True) for _ in range(5))


def test_an_imu_that_measures_in_g_is_named(robot: Robot, start_node: StartNode) -> None:
    start_node(gravity="imu")
    robot.meet()
    imu = robot.node.create_publisher(Imu, "imu", reliable())
    stamps = count(SECOND, SECOND // 10)

    def named() -> bool:
        stamp = next(stamps)
        reading = Imu(header=Header(stamp=messages.to_stamp(stamp), frame_id="base_link"))
        reading.linear_acceleration.z = 1.0
        imu.publish(reading)
        robot.send_odometry(np.eye(4), stamp)
        robot.send_points(robot.scan(np.eye(4)), stamp)
        robot.listen(0.05)
        return robot.state == "bad_input"

    robot.until(named)
    assert "/imu: the IMU's linear_acceleration is 1 m/s2 on average" in robot.status.message
    assert "is its unit g?" in robot.status.message


@pytest.mark.parametrize("foreign_clock", [False, True])
def test_map_to_odom_is_known_at_the_present_between_scans_and_not_after_them(
    robot: Robot, start_node: StartNode, foreign_clock: bool
) -> None:
    start_node(transform_rate=10.0, transform_tolerance=0.25)
    robot.meet()
    shift_ns = time.time_ns() - SECOND if foreign_clock else 0
    true, sent = se3.from_planar(3.0, 1.0, 0.3), robot.map_to_odom_stamps_ns

    def now_ns() -> int:
        return time.time_ns() - shift_ns

    robot.drive(true, now_ns())
    known = len(sent)
    robot.until(lambda: len(sent) >= known + 8)
    assert (np.diff(sent) > 0).all()
    behind_s = (now_ns() - sent[-1]) * 1e-9
    assert -0.25 <= behind_s < 1.0  # the stamp is 0.25 s ahead of when it was sent, and the message takes a while
    assert all(np.allclose(T_map_odom, np.eye(4)) for T_map_odom in robot.map_to_odom)
    robot.until(lambda: robot.state == "no_input")
    robot.listen(0.5)
    ended = len(sent)
    robot.listen(1.0)
    assert len(sent) == ended


def test_one_stamp_in_the_future_is_named_and_changes_nothing(robot: Robot, start_node: StartNode) -> None:
    start_node()
    robot.meet()
    map_a_street(robot, 1000 * SECOND)
    ahead = 4600 * SECOND
    robot.send_odometry(np.eye(4), ahead)
    robot.send_points(robot.scan(np.eye(4)), ahead)
    robot.until(lambda: robot.state == "bad_input")
    assert "3592.5 s ahead" in robot.status.message
    answer = robot.drive(se3.from_planar(10.0, 0.0, 0.0), 1010 * SECOND)
    assert answer["added_keyframe"] == "4"
    assert ahead not in robot.matches


def test_time_may_come_from_a_clock(robot: Robot, start_node: StartNode) -> None:
    start_node(use_sim_time=True)
    robot.meet()
    clock = robot.node.create_publisher(Clock, "/clock", reliable())
    seconds = count(5000)

    def clock_is(second: int) -> bool:
        clock.publish(Clock(clock=messages.to_stamp(second * SECOND)))
        robot.listen(0.05)
        return robot.status_stamp_ns == second * SECOND

    robot.until(partial(clock_is, second := next(seconds)))
    robot.drive(np.eye(4), second * SECOND - SECOND // 4)
    robot.until(lambda: "latency_p50_ms" in values_of(robot.status))
    figures = values_of(robot.status)
    assert float(figures["latency_p50_ms"]) == 250.0
    assert "latency_note" not in figures
    robot.until(lambda: clock_is(next(seconds)) or robot.path)  # the map is published each second of that clock
    robot.until(lambda: len(robot.path) == 1)


def test_bad_clouds_are_named_and_good_ones_are_used_again(robot: Robot, start_node: StartNode) -> None:
    node = start_node()
    robot.meet()
    stamps = count(SECOND, SECOND // 2)
    bad = [np.empty((0, 3)), np.full((500, 3), np.nan), np.zeros((1, 3)), np.zeros((500, 3))]

    def named(points: np.ndarray) -> Callable[[], bool]:
        def send_and_look() -> bool:
            stamp = next(stamps)
            robot.send_odometry(np.eye(4), stamp)
            robot.send_points(points, stamp)
            robot.listen(0.2)
            return robot.state == "bad_input"

        return send_and_look

    for points in bad:
        robot.until(named(points))
        robot.drive(np.eye(4), next(stamps))
        robot.until(lambda: robot.state in ("ok", "no_input"))
    assert node.runs


def test_a_topic_of_another_type_is_named(robot: Robot, start_node: StartNode) -> None:
    robot.node.destroy_publisher(robot.points)
    robot.node.create_publisher(String, "points", 1)
    start_node()
    robot.until(lambda: "/points is published as std_msgs/msg/String by /robot" in robot.status.message)
    assert robot.state == "no_input"


def test_a_misspelt_parameter_is_named(robot: Robot, start_node: StartNode) -> None:
    start_node(**{"recognition.ground_hight": 0.5})
    robot.meet()
    stamps = count(SECOND, SECOND // 2)
    robot.until(lambda: robot.drive(np.eye(4), next(stamps)) and robot.state == "bad_parameter")
    assert "recognition.ground_hight is no parameter of this node: is it recognition.ground_height?" in (
        robot.status.message
    )


def test_what_would_have_no_effect_is_refused_while_the_node_runs(robot: Robot, start_node: StartNode) -> None:
    start_node()
    robot.meet()
    client: Any = robot.node.create_client(SetParameters, "/place_recognition/set_parameters")
    robot.until(client.service_is_ready)
    values: dict[str, Any] = {"keyframe_distance": 4.0, "mode": "x", "memory_file": "a"}
    changes = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
    future = client.call_async(SetParameters.Request(parameters=changes))
    robot.until(future.done)
    distance, mode, file = future.result().results
    assert (distance.successful, mode.successful, file.successful) == (False, False, True)
    assert "read when the node is configured" in distance.reason
    assert "one of mapping, localization" in mode.reason
