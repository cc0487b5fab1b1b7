"""Relocalisation in its own process, over real DDS: a town that was surveyed, and a robot that wakes up in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseArray, PoseWithCovarianceStamped
from scipy.spatial.transform import Rotation
from std_srvs.srv import Trigger

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.diagnostics import values_of
from isometry.nodes.runtime.quality_of_service import reliable
from isometry.place_recognition.encoder import BirdsEyeEncoder
from isometry.place_recognition.memory import PlaceMemory
from isometry.simulation.drive import SimulatedDrive, sensor_poses
from isometry.simulation.sensors.lidar import LidarSimulator, SpinningLidar
from isometry.simulation.worlds.town import build_town

if TYPE_CHECKING:
    from test.nodes.conftest import NodeProcess, Robot

    Start = Callable[..., NodeProcess]

SECOND = 1_000_000_000
NODE = "relocalization"
IN_BASE = {"sensor_pose": "identity", "gravity": "none"}
T_ODOM_MAP = se3.from_planar(50.0, -20.0, 2.0)


class Town:
    """A street, the map of it, and scans of a LiDAR that is driven along it."""

    def __init__(self, folder: Path) -> None:
        drive = SimulatedDrive(scans=40, spacing_m=1.5, remounted_deg=0.0)
        lidar = SpinningLidar(beams=32, azimuth_step_deg=1.0)
        self._simulator = LidarSimulator(build_town(drive.plan, np.random.default_rng(0)), lidar)
        self._random = np.random.default_rng(1)
        self.poses = sensor_poses(drive)
        self.map_file = folder / "town.npy"
        np.save(self.map_file, np.concatenate([se3.apply(T, self.scan(T)) for T in self.poses[::3]]))

    def scan(self, T_map_lidar: Array) -> Array:
        return self._simulator.scan(T_map_lidar, self._random).astype(np.float64)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return Town(tmp_path_factory.mktemp("town"))


class Waking:
    """A robot that does not know where it is; its odometry begins anywhere."""

    def __init__(self, robot: Robot, town: Town) -> None:
        self.robot, self.town = robot, town
        self.T_odom_map = T_ODOM_MAP
        self.stamps = count(1000 * SECOND, SECOND // 2)
        self.true_poses: dict[int, Array] = {}  # T_map_base by the stamp of a scan
        self.initial_poses: list[PoseWithCovarianceStamped] = []
        receive = self.initial_poses.append
        robot.node.create_subscription(PoseWithCovarianceStamped, "initialpose", receive, reliable())

    def meet(self) -> None:
        robot = self.robot
        robot.until(lambda: robot.points.get_subscription_count() and robot.node.count_publishers("pose"))
        robot.until(lambda: robot.tf.get_subscription_count() > 1)

    def scan(self, T_map_base: Array, wait_s: float = 0.3) -> int:
        """Send a scan and its odometry; returns the stamp."""
        stamp = next(self.stamps)
        self.true_poses[stamp] = T_map_base
        self.robot.send_odometry(self.T_odom_map @ T_map_base, stamp)
        self.robot.send_points(self.town.scan(T_map_base), stamp)
        self.robot.listen(wait_s)
        return stamp

    def located(self, T_map_base: Array) -> bool:
        """Send a scan; whether the node has published the pose of any. Fails when a pose is wrong."""
        self.scan(T_map_base)
        for stamp, pose in self.robot.poses.items():
            assert is_near(pose, self.true_poses[stamp])
        return bool(self.robot.poses)

    def kidnap(self, before: Array, after: Array) -> None:
        """Move the robot without its odometry noticing it."""
        self.T_odom_map = self.T_odom_map @ before @ se3.inverse(after)


def is_near(pose: Array, true: Array) -> bool:
    error = se3.inverse(true) @ pose
    return bool(np.linalg.norm(error[:3, 3]) < 0.3 and se3.rotation_angle(error) < np.radians(1.5))


@pytest.fixture
def waking(robot: Robot, town: Town) -> Waking:
    return Waking(robot, town)


def test_a_robot_wakes_up_is_kidnapped_and_is_found_each_time(waking: Waking, town: Town, start: Start) -> None:
    node = start(NODE, map_file=town.map_file, publish_initialpose=True, lost_after=2, **IN_BASE)
    robot = waking.robot
    waking.meet()
    tilted = se3.from_rotation_translation(Rotation.from_euler("xyz", [0.3, -0.2, 1.0]).as_matrix(), np.zeros(3))
    first, second = town.poses[10] @ tilted, town.poses[30]
    robot.until(partial(waking.located, first), 200.0)
    robot.until(lambda: robot.map_to_odom)
    assert is_near(robot.map_to_odom[-1] @ waking.T_odom_map @ first, first)
    robot.until(lambda: len(waking.initial_poses) == 1)
    covariance = np.array(waking.initial_poses[0].pose.covariance).reshape(6, 6)
    assert 0.0 < np.sqrt(covariance[0, 0]) < 0.5
    assert waking.initial_poses[0].header.frame_id == "map"
    robot.until(lambda: robot.state in ("ok", "no_input"))

    waking.kidnap(first, second)
    robot.poses.clear()
    robot.until(lambda: waking.scan(second) and robot.state == "lost", 200.0)
    assert not robot.poses
    robot.until(partial(waking.located, second), 200.0)
    robot.until(lambda: len(waking.initial_poses) == 2)
    assert is_near(messages.from_pose(waking.initial_poses[1].pose.pose), second)
    figures = values_of(robot.status)
    assert figures["provider"] == "CPUExecutionProvider"
    assert figures["model"] == "registration_equivariant"
    assert figures["guesses_refused"] == "0"  # it ignores the initialpose that it has published
    assert node.stop() == 0


def test_an_initial_pose_is_verified_and_a_search_can_be_requested(waking: Waking, town: Town, start: Start) -> None:
    start(NODE, map_file=town.map_file, **IN_BASE)
    robot = waking.robot
    waking.meet()
    true = town.poses[20]
    robot.until(partial(waking.located, true), 200.0)
    publisher: Any = robot.node.create_publisher(PoseWithCovarianceStamped, "initialpose", reliable())
    robot.until(publisher.get_subscription_count)
    wrong = PoseWithCovarianceStamped()
    wrong.header.frame_id = "map"
    wrong.pose.pose = messages.to_pose(se3.from_planar(500.0, 500.0, 0.0))
    publisher.publish(wrong)
    robot.until(lambda: waking.scan(true) and values_of(robot.status).get("guesses_refused") == "1", 200.0)
    robot.poses.clear()
    robot.until(partial(waking.located, true), 200.0)

    found = int(values_of(robot.status)["found"])
    client: Any = robot.node.create_client(Trigger, "/relocalization/relocalize")
    robot.until(client.service_is_ready)
    future = client.call_async(Trigger.Request())
    robot.until(future.done)
    assert future.result().success
    robot.until(lambda: waking.scan(true) and int(values_of(robot.status)["found"]) > found, 200.0)


def test_in_one_of_two_equal_streets_both_poses_are_published_until_an_estimate_decides(
    waking: Waking, town: Town, start: Start, tmp_path: Path
) -> None:
    other = se3.from_planar(0.0, 300.0, 0.0)
    street = np.load(town.map_file)
    np.save(tmp_path / "streets.npy", np.concatenate([street, se3.apply(other, street)]))
    start(NODE, map_file=tmp_path / "streets.npy", **IN_BASE)
    robot = waking.robot
    received: list[PoseArray] = []
    robot.node.create_subscription(PoseArray, "alternatives", received.append, reliable(100))
    publisher: Any = robot.node.create_publisher(PoseWithCovarianceStamped, "initialpose", reliable())
    waking.meet()
    robot.until(publisher.get_subscription_count)
    true = town.poses[20]

    def both_are_left() -> bool:
        waking.scan(true)
        left = [messages.from_pose(pose) for pose in received[-1].poses] if received else []
        return len(left) == 2 and all(any(is_near(pose, T @ true) for pose in left) for T in (np.eye(4), other))

    robot.until(both_are_left, 100.0)
    robot.until(lambda: waking.scan(true) and values_of(robot.status).get("reason") == "ambiguous")
    assert received[-1].header.frame_id == "map"
    assert messages.stamp_ns(received[-1].header.stamp) in waking.true_poses
    assert robot.state == "lost"
    assert "the scan fits several places of the map" in robot.status.message
    assert not robot.poses

    estimate = PoseWithCovarianceStamped()
    estimate.header.frame_id = "map"
    estimate.pose.pose = messages.to_pose(true @ se3.from_planar(0.5, 0.5, 0.3))
    publisher.publish(estimate)
    robot.until(partial(waking.located, true), 100.0)
    robot.until(lambda: not received[-1].poses)


def test_without_odometry_the_motion_is_estimated_from_the_scans(waking: Waking, town: Town, start: Start) -> None:
    start(NODE, map_file=town.map_file, odometry="none", **IN_BASE)
    robot = waking.robot
    robot.until(lambda: robot.points.get_subscription_count() and robot.node.count_publishers("pose"))
    robot.until(partial(waking.located, town.poses[15]), 200.0)
    robot.listen(0.5)  # a transform would come after the pose
    assert not robot.map_to_odom


def test_bad_scans_and_missing_odometry_are_named(waking: Waking, town: Town, start: Start) -> None:
    node = start(NODE, map_file=town.map_file, transform_timeout=0.05, **IN_BASE)
    robot = waking.robot
    waking.meet()

    def named(points: Array, state: str, words: str, odometry: bool) -> bool:
        stamp = next(waking.stamps)
        if odometry:
            robot.send_odometry(np.eye(4), stamp)
        robot.send_points(points, stamp)
        robot.listen(0.2)
        return robot.state == state and words in robot.status.message

    scan = town.scan(town.poses[0])
    for points, state, words, odometry in (
        (scan, "no_tf", "'odom'", False),
        (np.empty((0, 3)), "bad_input", "0 finite points", True),
        (np.full((500, 3), np.nan), "bad_input", "0 finite points", True),
        (1000.0 * scan, "bad_input", "millimetre", True),
    ):
        robot.until(partial(named, points, state, words, odometry))
    assert node.runs


@pytest.mark.parametrize(
    ("parameters", "word", "words"),
    [
        ({}, "bad_input", "map_file and memory_file"),
        ({"map_file": "/nowhere/map.pcd"}, "bad_input", "/nowhere/map.pcd: no such file"),
        ({"map_file": "/etc/passwd"}, "bad_input", "/etc/passwd: clouds are read from"),
        ({"memory_file": "/nowhere/a.places"}, "bad_input", "/nowhere/a.places"),
        ({"map_file": "a.pcd", "method": "guessing"}, "bad_input", "'guessing'"),
        ({"map_file": "a.pcd", "provider": "abacus"}, "bad_input", "provider 'abacus'"),
        ({"map_file": "a.pcd", "odometry": "wheels"}, "bad_input", "odometry = 'wheels'"),
    ],
)
def test_what_cannot_be_configured_is_named_and_the_node_stays_up(
    robot: Robot, start: Start, parameters: dict[str, Any], word: str, words: str
) -> None:
    node = start(NODE, **parameters)
    robot.until(lambda: robot.state == word)
    assert words in robot.status.message
    assert "\n" not in robot.status.message
    assert node.runs


PADDED = (
    "VERSION 0.7\nFIELDS x y z _ intensity ring _\nSIZE 4 4 4 1 4 2 1\nTYPE F F F U F U U\nCOUNT 1 1 1 4 1 1 10\n"
    "WIDTH 4000000000\nHEIGHT 1\nPOINTS 4000000000\nDATA {}\n"
)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("map.pcd", PADDED.format("binary").encode() + bytes(320), "cut off, its header promises 4000000000 points"),
        ("map.pcd", PADDED.format("binary_compressed").encode() + bytes(320), "its data has 0 bytes"),
        ("map.off", b"OFF\n4000000000 4000000000 0\n0 0 0\n", "it promises 4000000000 vertices"),
        ("map.bin", bytes(160), "its values do not tell how many columns it has"),
    ],
)
def test_a_map_that_is_not_what_it_promises_is_named_and_the_node_stays_up(
    robot: Robot, start: Start, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    node = start(NODE, map_file=tmp_path / name)
    robot.until(lambda: robot.state == "bad_input")
    assert f"{tmp_path / name}: {words}" in robot.status.message
    assert "\n" not in robot.status.message
    assert node.runs


def test_a_memory_of_another_model_is_refused_by_name(robot: Robot, start: Start, tmp_path: Path) -> None:
    path = tmp_path / "foreign.places"
    PlaceMemory("0" * 64, 16).save(path)
    node = start(NODE, memory_file=path)
    robot.until(lambda: robot.state == "model_mismatch")
    assert f"{path}: made with another model" in robot.status.message
    assert node.runs


def test_an_empty_memory_is_refused_by_name(robot: Robot, start: Start, tmp_path: Path) -> None:
    path = tmp_path / "empty.places"
    encoder = BirdsEyeEncoder.load()
    PlaceMemory(encoder.sha256, encoder.descriptor_size).save(path)
    start(NODE, memory_file=path)
    robot.until(lambda: robot.state == "bad_input")
    assert "empty" in robot.status.message


NOISE = bytes(range(256)) * 40
BROKEN_MAPS = {
    "claims.npy": np.lib.format.magic(1, 0)
    + b"\x40\x00{'descr': '<f8', 'fortran_order': False, 'shape': (4000000000, 3)}",
    "claims.pcd": b"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nWIDTH 4000000000\nHEIGHT 1\nPOINTS 4000000000\nDATA binary\n",
    "noise.las": NOISE,
    "noise.ply": b"ply\n" + NOISE,
    "noise.places": NOISE,
}


@pytest.mark.parametrize("name", BROKEN_MAPS)
def test_a_broken_map_is_refused_in_one_line_and_the_node_stays_up(
    robot: Robot, start: Start, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(BROKEN_MAPS[name])
    node = start(NODE, **{"memory_file" if name.endswith(".places") else "map_file": path})
    robot.until(lambda: robot.state == "bad_input")
    assert name in robot.status.message
    assert "\n" not in robot.status.message
    assert node.runs
