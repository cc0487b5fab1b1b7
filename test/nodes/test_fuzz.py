"""Messages whose structure lies, in all nodes: each stays up, and answers good input rightly afterwards."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Imu, PointCloud2
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3D, Detection3DArray, ObjectHypothesisWithPose

from isometry.geometry import se3
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.point_cloud2 import encode_xyz
from isometry.nodes.runtime.quality_of_service import reliable

if TYPE_CHECKING:
    from test.nodes.conftest import NodeProcess, Robot

    Start = Callable[..., NodeProcess]

pytestmark = pytest.mark.slow
SECOND = 1_000_000_000
TENTH = SECOND // 10
MESSAGES = 40
NUMBERS = (0.0, -1.0, 1e-30, 1e7, 1e30, -1e38, np.inf, -np.inf, np.nan)
SIZES = (0, 1, 3, 7, 12, 16, 4096, 2**31 - 1, 2**32 - 1)
NAMES = ("", "map", "base_link", "a b/ä", "x" * 5000)
IN_BASE = {"sensor_pose": "identity"}


def fuzzed_cloud(random: np.random.Generator, scan: np.ndarray, stamp_ns: int) -> PointCloud2:
    """A cloud that differs from a good one in one to three things."""
    points = scan.astype(np.float32)
    if random.random() < 0.4:
        points[random.random(points.shape) < random.choice([0.01, 0.5, 1.0])] = random.choice(NUMBERS)
    cloud = encode_xyz(points, Header(stamp=messages.to_stamp(stamp_ns), frame_id="base_link"))
    changes: list[Callable[[], None]] = [
        lambda: setattr(cloud, "width", int(random.choice(SIZES))),
        lambda: setattr(cloud, "height", int(random.choice(SIZES))),
        lambda: setattr(cloud, "point_step", int(random.choice(SIZES))),
        lambda: setattr(cloud, "row_step", int(random.choice(SIZES))),
        lambda: setattr(cloud, "is_bigendian", True),
        lambda: setattr(cloud, "data", cloud.data[: int(random.integers(0, len(cloud.data) + 1))]),
        lambda: setattr(cloud, "data", random.bytes(len(cloud.data))),
        lambda: setattr(cloud, "fields", [cloud.fields[k] for k in random.integers(0, 3, random.integers(0, 5))]),
        lambda: setattr(cloud.fields[-1], "offset", int(random.choice(SIZES))) if cloud.fields else None,
        lambda: setattr(cloud.fields[0], "datatype", int(random.integers(0, 256))) if cloud.fields else None,
        lambda: setattr(cloud.fields[0], "count", int(random.choice(SIZES))) if cloud.fields else None,
        lambda: setattr(cloud.header, "frame_id", str(random.choice(NAMES))),
        lambda: setattr(cloud.header.stamp, "sec", int(random.integers(-(2**31), 2**31))),
        lambda: setattr(cloud.header.stamp, "nanosec", int(random.integers(0, 2**32))),
    ]
    for k in random.choice(len(changes), random.integers(1, 4), replace=False):
        changes[k]()
    return cloud


def fuzzed_pose(random: np.random.Generator, pose: Any) -> None:
    """Write numbers into a message's position and orientation that are no pose."""
    vectors = [
        getattr(pose, name) for name in ("position", "translation", "orientation", "rotation") if hasattr(pose, name)
    ]
    for vector in vectors:
        for name in vector.get_fields_and_field_types():
            setattr(vector, name, float(random.choice(NUMBERS)))


def fuzzed_motion(robot: Robot, imu_topic: Any, random: np.random.Generator, stamp_ns: int) -> None:
    """Odometry, a transform and an IMU reading that are no motion."""
    stamp, frames = messages.to_stamp(stamp_ns), [str(name) for name in random.choice(NAMES, 2)]
    transform = messages.to_transform_stamped(np.eye(4), frames[0], frames[1], stamp_ns)
    fuzzed_pose(random, transform.transform)
    robot.tf.publish(TFMessage(transforms=[transform]))
    odometry = Odometry(header=Header(stamp=stamp, frame_id=frames[0]), child_frame_id=frames[1])
    fuzzed_pose(random, odometry.pose.pose)
    robot.odom.publish(odometry)
    imu = Imu(header=Header(stamp=stamp, frame_id="base_link"))
    imu.linear_acceleration.z = imu.orientation.w = float(random.choice(NUMBERS))
    imu_topic.publish(imu)


def bombard(robot: Robot, scan: np.ndarray, T_odom_base: np.ndarray, start_ns: int, seed: int) -> None:
    """Send fuzzed clouds, each with right odometry at its stamp, and fuzzed motion between them."""
    random, imu_topic = np.random.default_rng(seed), robot.node.create_publisher(Imu, "imu", reliable())
    for k in range(MESSAGES):
        stamp_ns = start_ns + k * TENTH
        fuzzed_motion(robot, imu_topic, random, stamp_ns)
        cloud = fuzzed_cloud(random, scan, stamp_ns)
        robot.send_odometry(T_odom_base, min(messages.stamp_ns(cloud.header.stamp), (2**31 - 1) * SECOND))
        robot.points.publish(cloud)
        robot.listen(0.1)


@pytest.mark.parametrize("seed", [0, 1])
def test_place_recognition_goes_on(robot: Robot, start: Start, seed: int) -> None:
    node = start("place_recognition", **IN_BASE)
    robot.meet()
    for x in (0.0, 2.5, 5.0, 7.5):
        robot.drive(se3.from_planar(x, 0.0, 0.0), round((1000.0 + x) * SECOND))
    bombard(robot, robot.scan(np.eye(4)), np.eye(4), 1010 * SECOND, seed)
    true, stamps = se3.from_planar(5.0, 0.5, 0.3), count(3000 * SECOND, TENTH)

    def located() -> bool:
        stamp = next(stamps)
        robot.send_odometry(true, stamp)
        robot.send_points(robot.scan(true), stamp)
        robot.listen(0.3)
        return stamp in robot.poses

    robot.until(located)
    newest = robot.poses[max(stamp for stamp in robot.poses if stamp >= 3000 * SECOND)]
    assert np.linalg.norm((se3.inverse(true) @ newest)[:3, 3]) < 0.5
    assert node.stop() == 0


@pytest.mark.parametrize("seed", [2, 3])
def test_lidar_odometry_goes_on(robot: Robot, start: Start, seed: int) -> None:
    node = start("lidar_odometry", **IN_BASE)
    poses: dict[int, np.ndarray] = {}

    def receive(message: Odometry) -> None:
        if messages.stamp_ns(message.header.stamp) >= 3000 * SECOND:  # fuzzed odometry is heard here, too
            poses[messages.stamp_ns(message.header.stamp)] = messages.from_pose(message.pose.pose)

    robot.node.create_subscription(Odometry, "odom", receive, reliable(100))
    robot.until(lambda: robot.points.get_subscription_count() and robot.node.count_publishers("odom") > 1)
    bombard(robot, robot.scan(np.eye(4)), np.eye(4), 1000 * SECOND, seed)
    driven: list[int] = []
    for k in range(8):
        driven.append(3000 * SECOND + k * TENTH)
        robot.send_points(robot.scan(se3.from_planar(0.3 * k, 0.0, 0.0)), driven[-1])
        robot.listen(0.5)
    robot.until(lambda: driven[-1] in poses and driven[3] in poses)
    moved = se3.inverse(poses[driven[3]]) @ poses[driven[-1]]
    assert np.linalg.norm(moved[:3, 3] - [1.2, 0.0, 0.0]) < 0.2
    assert node.stop() == 0


def detection(stamp_ns: int, x: float = 10.0) -> Detection3DArray:
    """A standing car."""
    each = Detection3D()
    each.bbox.center.position.x, each.bbox.center.position.y, each.bbox.center.position.z = x, 2.0, 0.75
    each.bbox.center.orientation.w = 1.0
    each.bbox.size.x, each.bbox.size.y, each.bbox.size.z = 4.2, 1.8, 1.5
    hypothesis = ObjectHypothesisWithPose()
    hypothesis.hypothesis.class_id, hypothesis.hypothesis.score = "car", 0.9
    each.results = [hypothesis]
    header = Header(stamp=messages.to_stamp(stamp_ns), frame_id="base_link")
    return Detection3DArray(header=header, detections=[each])


@pytest.mark.parametrize("kind", ["points", "detections"])
def test_tracking_goes_on(robot: Robot, start: Start, kind: str) -> None:
    node = start("tracking", input=kind, **IN_BASE)
    tracks: dict[int, Detection3DArray] = {}

    def receive(message: Detection3DArray) -> None:
        tracks[messages.stamp_ns(message.header.stamp)] = message

    robot.node.create_subscription(Detection3DArray, "tracks", receive, reliable(100))
    detections: Any = robot.node.create_publisher(Detection3DArray, "detections", reliable())
    robot.until(lambda: robot.node.count_subscribers(kind) and robot.node.count_publishers("tracks"))
    random = np.random.default_rng(4)
    if kind == "points":
        bombard(robot, robot.scan(np.eye(4)), np.eye(4), 1000 * SECOND, 5)
    for k in range(MESSAGES if kind == "detections" else 0):
        message = detection(1000 * SECOND + k * TENTH)
        box, hypothesis = message.detections[0].bbox, message.detections[0].results[0].hypothesis
        fuzzed_pose(random, box.center)
        box.size.x, hypothesis.score = map(float, random.choice(NUMBERS, 2))
        hypothesis.class_id = message.header.frame_id = str(random.choice(NAMES))
        message.detections = message.detections * int(random.integers(0, 50))
        robot.send_odometry(np.eye(4), 1000 * SECOND + k * TENTH)
        detections.publish(message)
        robot.listen(0.05)
    for k in range(12):
        stamp = 3000 * SECOND + k * TENTH
        robot.send_odometry(np.eye(4), stamp)
        if kind == "points":
            robot.send_points(robot.scan(np.eye(4)), stamp)
        else:
            detections.publish(detection(stamp))
        robot.listen(0.3)
    robot.until(lambda: stamp in tracks)
    if kind == "detections":
        (track,) = tracks[stamp].detections
        assert np.hypot(track.bbox.center.position.x - 10.0, track.bbox.center.position.y - 2.0) < 0.3
    assert node.stop() == 0


def test_relocalisation_goes_on_and_publishes_no_wrong_pose(robot: Robot, start: Start, tmp_path: Path) -> None:
    """Whether it finds the robot again depends on the time that the machine gives it; that it searches does not."""
    np.save(tmp_path / "town.npy", robot.town)
    node = start("relocalization", map_file=tmp_path / "town.npy", gravity="none", **IN_BASE)
    robot.until(lambda: robot.points.get_subscription_count() and robot.node.count_publishers("pose"))
    true, stamps = se3.from_planar(3.0, -2.0, 0.7), count(3000 * SECOND, TENTH)
    bombard(robot, robot.scan(true), true, 1000 * SECOND, 6)

    def searched() -> bool:
        stamp = next(stamps)
        robot.send_odometry(true, stamp)
        robot.send_points(robot.scan(true), stamp)
        robot.listen(0.5)
        return robot.state in ("ok", "lost")

    robot.until(searched, 200.0)
    for stamp, pose in robot.poses.items():
        if 3000 * SECOND <= stamp < 4000 * SECOND:
            assert np.linalg.norm((se3.inverse(true) @ pose)[:3, 3]) < 0.3
    assert node.runs
