"""The memory of nodes that run for long: it stays what it is once everything has been used.

`ISOMETRY_MEMORY_MINUTES=30 python -m pytest -s test/nodes/test_memory_use.py` sends as many scans as come in 30 minutes
at 10 Hz, and prints the figures.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from nav_msgs.msg import Odometry
from vision_msgs.msg import Detection3DArray

from isometry.geometry import se3
from isometry.nodes.runtime import messages
from isometry.nodes.runtime.quality_of_service import reliable
from isometry.simulation.drive import SimulatedDrive, sensor_poses
from isometry.simulation.sensors.lidar import LidarSimulator, SpinningLidar
from isometry.simulation.worlds.town import build_town

if TYPE_CHECKING:
    from test.nodes.conftest import NodeProcess, Robot

    Start = Callable[..., NodeProcess]

pytestmark = pytest.mark.slow
SECOND = 1_000_000_000
TENTH = SECOND // 10
LAP = 60  # scans around a circle
MINUTES = float(os.environ.get("ISOMETRY_MEMORY_MINUTES", "0.6"))
SCANS = max(6 * LAP, round(600.0 * MINUTES))  # as many as come in that time at 10 Hz
WARM_UP = max(2 * LAP, min(1200, SCANS // 3))  # two minutes of a long run
GROWTH = 0.05


def circle() -> list[np.ndarray]:
    """T_map_base of each scan: around a circle of 10 m."""
    angles = 2.0 * np.pi * np.arange(LAP) / LAP
    return [se3.from_planar(10.0 * np.sin(angle), 10.0 * (1.0 - np.cos(angle)), angle) for angle in angles]


def resident_bytes(node: NodeProcess) -> int:
    """Memory of the node's process."""
    pages = int(Path(f"/proc/{node.process.pid}/statm").read_text().split()[1])
    return pages * 4096


def assert_bounded(
    robot: Robot,
    node: NodeProcess,
    answered: Callable[[int], bool],
    scans: list[np.ndarray],
    poses: list[np.ndarray],
    first_ns: int = 10_000 * SECOND,
) -> None:
    """Drive on and on; the memory after the warm-up is that at the end."""
    for k in range(SCANS):
        stamp_ns = first_ns + k * TENTH
        robot.send_odometry(poses[k % len(poses)], stamp_ns)
        robot.send_points(scans[k % len(scans)], stamp_ns)
        robot.until(lambda stamp_ns=stamp_ns: answered(stamp_ns))  # type: ignore[misc]
        if k == WARM_UP:
            before = resident_bytes(node)
    after = resident_bytes(node)
    print(f"{before / 1e6:.0f} MB after {WARM_UP} scans, {after / 1e6:.0f} MB after {SCANS}")
    assert after < (1.0 + GROWTH) * before, f"the node's memory grew by {after / before - 1.0:.1%}"


@pytest.fixture
def scans(robot: Robot) -> list[np.ndarray]:
    return [robot.scan(pose) for pose in circle()]


@pytest.mark.timeout(7200)
def test_place_recognition_in_a_known_map(robot: Robot, start: Start, scans: list[np.ndarray], tmp_path: Path) -> None:
    shared = {"memory_file": tmp_path / "town.places", "sensor_pose": "identity", "gravity": "none"}
    mapping = start("place_recognition", **shared)
    robot.meet()
    for k, pose in enumerate(circle()[::3]):
        robot.drive(pose, SECOND + 3 * k * TENTH)
    assert robot.call("save").success
    mapping.stop()
    node = start("place_recognition", mode="localization", **shared)
    robot.until(lambda: "/points is published by /robot" in robot.status.message)
    assert_bounded(robot, node, lambda stamp_ns: stamp_ns in robot.matches, scans, circle())


@pytest.mark.timeout(7200)
def test_relocalization(robot: Robot, start: Start, tmp_path: Path) -> None:
    drive, random = SimulatedDrive(scans=30, spacing_m=1.5, remounted_deg=0.0), np.random.default_rng(0)
    lidar = LidarSimulator(build_town(drive.plan, random), SpinningLidar(beams=32, azimuth_step_deg=1.0))
    poses = sensor_poses(drive)
    there_and_back = [*poses, *poses[-2:0:-1]]
    scans = [lidar.scan(T, random).astype(float) for T in there_and_back]
    np.save(tmp_path / "town.npy", np.concatenate([se3.apply(T, lidar.scan(T, random).astype(float)) for T in poses]))
    node = start("relocalization", map_file=tmp_path / "town.npy", sensor_pose="identity", gravity="none")
    robot.until(lambda: robot.points.get_subscription_count() and robot.node.count_publishers("pose"))
    robot.until(lambda: robot.tf.get_subscription_count() > 1)
    for k in range(len(scans)):  # until it is located
        stamp_ns = SECOND + k * TENTH
        robot.send_odometry(there_and_back[k], stamp_ns)
        robot.send_points(scans[k], stamp_ns)
        robot.listen(0.5)
        if robot.poses:
            break
    assert_bounded(robot, node, robot.poses.__contains__, scans, there_and_back, stamp_ns + TENTH)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    ("capability", "topic", "kind"),
    [("lidar_odometry", "odom", Odometry), ("tracking", "tracks", Detection3DArray)],
)
def test_odometry_and_tracking(
    robot: Robot, start: Start, scans: list[np.ndarray], capability: str, topic: str, kind: type
) -> None:
    stamps: set[int] = set()
    robot.node.create_subscription(
        kind, topic, lambda message: stamps.add(messages.stamp_ns(message.header.stamp)), reliable(100)
    )
    node = start(capability, sensor_pose="identity")
    robot.until(lambda: robot.points.get_subscription_count() and robot.node.count_publishers(topic))
    robot.until(lambda: capability == "lidar_odometry" or robot.tf.get_subscription_count() > 1)
    assert_bounded(robot, node, stamps.__contains__, scans, circle())
