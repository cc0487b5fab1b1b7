"""`isometry run` beside a robot: in a process of its own, until Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import open3d
import pytest

from isometry.arrays import Array
from isometry.simulation.worlds.shapes import box

rclpy = pytest.importorskip("rclpy", reason="needs ROS 2: rclpy is not installed")

LONG_S = 60.0
COMMAND = [sys.executable, "-c", "from isometry.cli.main import main; main()", "run"]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path, repository: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path, node: str = "lidar-odometry") -> subprocess.Popen[str]:
        command = [*COMMAND, node, "--out", str(tmp_path), "--parameter", "sensor_pose=identity", *arguments]
        started.append(
            subprocess.Popen(
                command,
                cwd=repository,
                text=True,
                start_new_session=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(LONG_S)


def hear(process: subprocess.Popen[str], words: str) -> None:
    """Wait for a report, of which one comes each second, with these words."""
    assert process.stdout is not None
    end = time.monotonic() + LONG_S
    for line in process.stdout:
        if words in line:
            return
        assert time.monotonic() < end, line


def ended(process: subprocess.Popen[str], how: signal.Signals) -> list[str]:
    process.send_signal(how)
    output, _ = process.communicate(timeout=LONG_S)
    return output.splitlines()


def walls() -> Array:
    """Points (N,3) of two walls."""
    points: Array = np.random.default_rng(0).uniform(-20.0, 20.0, (5000, 3))
    points[:, 0] = np.where(points[:, 0] > 0.0, 20.0, -20.0)
    return points


def write_mesh(folder: Path) -> None:
    """A folder of one object."""
    folder.mkdir()
    mesh = box((0.06, 0.1, 0.16), (0.0, 0.0, 0.0))
    vertices = open3d.utility.Vector3dVector(mesh.vertices)
    triangles = open3d.utility.Vector3iVector(mesh.triangles.astype(np.int32))
    open3d.io.write_triangle_mesh(folder / "carton.ply", open3d.geometry.TriangleMesh(vertices, triangles))


def test_what_a_robot_publishes_is_processed_and_counted(start: Start) -> None:
    from sensor_msgs.msg import PointCloud2
    from std_msgs.msg import Header

    from isometry.nodes.runtime.messages import to_stamp
    from isometry.nodes.runtime.point_cloud2 import encode_xyz
    from isometry.nodes.runtime.quality_of_service import reliable

    process = start("--points", "/velodyne")
    rclpy.init(args=[])
    try:
        node = rclpy.create_node("robot")
        publisher = node.create_publisher(PointCloud2, "/velodyne", reliable())
        assert process.stdout is not None
        end = time.monotonic() + LONG_S
        for line in process.stdout:  # a report a second
            assert time.monotonic() < end, line
            if publisher.get_subscription_count():
                stamp = to_stamp(time.time_ns())
                publisher.publish(encode_xyz(walls(), Header(frame_id="base_link", stamp=stamp)))
            if line.startswith("in ") and "latency p50" in line:
                break
    finally:
        rclpy.try_shutdown()
    lines = ended(process, signal.SIGINT)
    assert process.returncode == 0, lines
    summary = next(line for line in lines if " received, " in line)
    counts = {name: int(count) for count, name in (part.split() for part in summary.partition(";")[0].split(", "))}
    assert counts["received"] >= counts["published"] >= 1
    assert "latency p50" in summary


@pytest.mark.parametrize(
    ("node", "arguments", "how"),
    [
        ("lidar-odometry", ("--points", "/front"), signal.SIGTERM),
        ("place-recognition", ("--points", "/front", "--odom", "/wheels"), signal.SIGINT),
        ("relocalization", ("--points", "/front", "--map", "{map}"), signal.SIGINT),
        ("object-pose", ("--image", "/front", "--objects", "{objects}"), signal.SIGINT),
        ("tracking", ("--points", "/front"), signal.SIGINT),
        ("tracking", ("--detections", "/front"), signal.SIGINT),
    ],
    ids=[
        "odometry",
        "place recognition",
        "relocalisation",
        "object poses",
        "tracking of scans",
        "tracking of detections",
    ],
)
def test_every_node_is_started_on_the_topics_of_the_robot_and_nothing_received_is_a_failure_that_says_why(
    start: Start, tmp_path: Path, node: str, arguments: tuple[str, ...], how: signal.Signals
) -> None:
    """A node without its map or its model would name that instead."""
    np.save(tmp_path / "map.npy", walls())
    write_mesh(tmp_path / "objects")
    files = {"map": tmp_path / "map.npy", "objects": tmp_path / "objects"}
    process = start(*(argument.format(**files) for argument in arguments), node=node)
    hear(process, "nobody publishes /front")
    last = ended(process, how)[-1]
    assert process.returncode == 1
    name = node.replace("-", "_")
    assert last.startswith(f"error: {name} has received nothing: no_input: nobody publishes /front"), last


def test_a_misspelt_parameter_ends_it_with_the_nearest_name(start: Start) -> None:
    process = start("--parameter", "min_rnge=1.0")
    output, _ = process.communicate(timeout=LONG_S)
    assert process.returncode == 1
    assert output.splitlines()[-1] == "error: lidar_odometry has no parameter 'min_rnge'; the nearest is 'min_range'"
