"""`isometry run` beside a robot: in a process of its own, until Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="needs ROS 2: rclpy is not installed")

LONG_S = 60.0
COMMAND = [sys.executable, "-c", "from isometry.cli.main import main; main()", "run", "lidar-odometry"]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path, repository: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [*COMMAND, "--out", str(tmp_path), "--parameter", "sensor_pose=identity", *arguments]
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


def ended(process: subprocess.Popen[str], how: signal.Signals) -> list[str]:
    process.send_signal(how)
    output, _ = process.communicate(timeout=LONG_S)
    return output.splitlines()


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
        walls = np.random.default_rng(0).uniform(-20.0, 20.0, (5000, 3))
        walls[:, 0] = np.where(walls[:, 0] > 0.0, 20.0, -20.0)
        assert process.stdout is not None
        end = time.monotonic() + LONG_S
        for line in process.stdout:  # a report a second
            assert time.monotonic() < end, line
            if publisher.get_subscription_count():
                stamp = to_stamp(time.time_ns())
                publisher.publish(encode_xyz(walls, Header(frame_id="base_link", stamp=stamp)))
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


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_nothing_received_is_a_failure_that_says_why(start: Start, tmp_path: Path, how: signal.Signals) -> None:
    process = start("--points", "/nobody")
    assert process.stdout is not None
    for line in process.stdout:
        if "nobody publishes /nobody" in line:
            break
    last = ended(process, how)[-1]
    assert process.returncode == 1
    assert last.startswith("error: lidar_odometry has received nothing: no_input: nobody publishes /nobody")


def test_a_misspelt_parameter_ends_it_with_the_nearest_name(start: Start) -> None:
    process = start("--parameter", "min_rnge=1.0")
    output, _ = process.communicate(timeout=LONG_S)
    assert process.returncode == 1
    assert output.splitlines()[-1] == "error: lidar_odometry has no parameter 'min_rnge'; the nearest is 'min_range'"
