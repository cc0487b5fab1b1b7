"""The memory of nodes that run for long: it stays what it is once everything has been used."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from test.nodes.conftest import NodeProcess, Robot

    Start = Callable[..., NodeProcess]

pytestmark = pytest.mark.slow
SECOND = 1_000_000_000
TENTH = SECOND // 10
LAP = 60  # scans around a circle
WARM_UP, MEASURED = 2 * LAP, 4 * LAP  # as many scans as come in 12 s and in 24 s
GROWTH = 0.05


def on_circle(k: int) -> np.ndarray:
    """T_map_base of a scan: around a circle of 10 m."""
    angle = 2.0 * np.pi * k / LAP
    return se3.from_planar(10.0 * np.sin(angle), 10.0 * (1.0 - np.cos(angle)), angle)


def resident_bytes(node: NodeProcess) -> int:
    """Memory of the node's process."""
    pages = int(Path(f"/proc/{node.process.pid}/statm").read_text().split()[1])
    return pages * 4096


def assert_bounded(robot: Robot, node: NodeProcess, answered: Callable[[int], bool], scans: list[np.ndarray]) -> None:
    """Drive on and on; the memory after the warm-up is that at the end."""
    for k in range(WARM_UP + MEASURED):
        stamp_ns = 10_000 * SECOND + k * TENTH
        robot.send_odometry(on_circle(k), stamp_ns)
        robot.send_points(scans[k % LAP], stamp_ns)
        robot.until(lambda stamp_ns=stamp_ns: answered(stamp_ns))  # type: ignore[misc]
        if k == WARM_UP:
            before = resident_bytes(node)
    grown = resident_bytes(node) / before - 1.0
    assert grown < GROWTH, f"the node's memory grew by {grown:.1%} in {MEASURED} scans"


@pytest.fixture
def scans(robot: Robot) -> list[np.ndarray]:
    return [robot.scan(on_circle(k)) for k in range(LAP)]


@pytest.mark.timeout(1800)
def test_place_recognition_in_a_known_map(robot: Robot, start: Start, scans: list[np.ndarray], tmp_path: Path) -> None:
    shared = {"memory_file": tmp_path / "town.places", "sensor_pose": "identity", "gravity": "none"}
    mapping = start("place_recognition", **shared)
    robot.meet()
    for k in range(0, LAP, 3):
        robot.drive(on_circle(k), SECOND + k * TENTH)
    assert robot.call("save").success
    mapping.stop()
    node = start("place_recognition", mode="localization", **shared)
    robot.until(lambda: "/points is published by /robot" in robot.status.message)
    assert_bounded(robot, node, lambda stamp_ns: stamp_ns in robot.matches, scans)


@pytest.mark.timeout(1800)
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
    assert_bounded(robot, node, stamps.__contains__, scans)
