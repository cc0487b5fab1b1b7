"""The launch file, resolved and run, by play_launch where no ROS 2 is sourced."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING

import rclpy
from diagnostic_msgs.msg import DiagnosticArray

if TYPE_CHECKING:
    from test.launch.conftest import PlayLaunch

NAME = "place_recognition.launch.py"


def test_defaults_are_a_mapping_node_that_starts_itself(play_launch: PlayLaunch) -> None:
    nodes = play_launch.nodes(NAME)
    assert list(nodes) == ["/place_recognition"]
    node = nodes["/place_recognition"]
    assert (node["pkg"], node["exec"]) == ("isometry", "place_recognition_node")
    expected = {"mode": "mapping", "autostart": True, "publish_tf": True, "autosave": False, "use_sim_time": False}
    assert {name: node["params"][name] for name in expected} == expected
    assert "recognition.ground_height" in node["params_files"][0]


def test_arguments_reach_the_node(play_launch: PlayLaunch) -> None:
    arguments = ["namespace:=robot", "points:=/velodyne", "mode:=localization", "memory_file:=/a b/town.places"]
    node = play_launch.nodes(NAME, *arguments, "publish_tf:=false", "odometry:=topic")["/robot/place_recognition"]
    assert {"from": "points", "to": "/velodyne"} in node["remaps"]
    expected = {"mode": "localization", "memory_file": "/a b/town.places", "publish_tf": False, "odometry": "topic"}
    assert {name: node["params"][name] for name in expected} == expected


def test_the_profile_for_large_clouds_is_set_unless_the_user_has_one(play_launch: PlayLaunch) -> None:
    environment = dict(play_launch.environment)
    environment.pop("FASTDDS_DEFAULT_PROFILES_FILE", None)
    own = "/etc/my_profiles.xml"
    for given, expected in (({}, "config/fastdds.xml"), ({"FASTDDS_DEFAULT_PROFILES_FILE": own}, own)):
        nodes = play_launch.nodes(NAME, environment={**environment, **given})
        values = {item["name"]: item["value"] for item in nodes["/place_recognition"]["env"]}
        assert values["FASTDDS_DEFAULT_PROFILES_FILE"].endswith(expected)


def test_a_mode_that_does_not_exist_is_refused(play_launch: PlayLaunch) -> None:
    done = play_launch.dump(NAME, "mode:=exploring")
    assert done.returncode != 0
    assert "exploring" in done.stderr + done.stdout


def test_what_is_launched_by_its_package_reports_itself(play_launch: PlayLaunch) -> None:
    rclpy.init(args=[])
    listener = rclpy.create_node("listener")
    reports: list[str] = []
    listener.create_subscription(
        DiagnosticArray, "/diagnostics", lambda array: reports.append(array.status[0].name), 10
    )
    command = [play_launch.program, "launch", "--disable-all", "isometry", NAME, "namespace:=robot"]
    log = play_launch.folder / "launch.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=play_launch.folder,
            env=play_launch.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + 60.0
        while not reports and time.monotonic() < end and process.poll() is None:
            rclpy.spin_once(listener, timeout_sec=0.1)
        assert reports[:1] == ["robot/place_recognition: status"], log.read_text()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30.0)
        listener.destroy_node()
        rclpy.try_shutdown()
