"""The launch file, resolved and run, by play_launch where no ROS 2 is sourced."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import pytest
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray

PLAY_LAUNCH = shutil.which("play_launch", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
pytestmark = pytest.mark.skipif(
    PLAY_LAUNCH is None, reason="launch files are not resolved or run: play_launch is not installed (make setup)"
)


@pytest.fixture(autouse=True)
def packages_of_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """play_launch runs launch files in the system's Python, which must find what this one has installed."""
    monkeypatch.setenv("PYTHONPATH", sysconfig.get_path("purelib"))


@pytest.fixture
def launch_file(repository: Path) -> Path:
    return repository / "launch" / "place_recognition.launch.py"


def resolved(launch_file: Path, folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> Any:
    """Nodes by name, as they would be started."""
    assert PLAY_LAUNCH is not None
    command = [PLAY_LAUNCH, "dump", "launch", str(launch_file), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load((folder / "system_model.yaml").read_text())["structure"]["nodes"]


def test_defaults_are_a_mapping_node_that_starts_itself(launch_file: Path, tmp_path: Path) -> None:
    nodes = resolved(launch_file, tmp_path)
    assert list(nodes) == ["/place_recognition"]
    node = nodes["/place_recognition"]
    assert (node["pkg"], node["exec"]) == ("isometry", "place_recognition_node")
    expected = {"mode": "mapping", "autostart": True, "publish_tf": True, "autosave": False, "use_sim_time": False}
    assert {name: node["params"][name] for name in expected} == expected
    assert "recognition.ground_height" in node["params_files"][0]


def test_arguments_reach_the_node(launch_file: Path, tmp_path: Path) -> None:
    arguments = ["namespace:=robot", "points:=/velodyne", "mode:=localization", "memory_file:=/a b/town.places"]
    node = resolved(launch_file, tmp_path, *arguments, "publish_tf:=false", "odometry:=topic")[
        "/robot/place_recognition"
    ]
    assert {"from": "points", "to": "/velodyne"} in node["remaps"]
    expected = {"mode": "localization", "memory_file": "/a b/town.places", "publish_tf": False, "odometry": "topic"}
    assert {name: node["params"][name] for name in expected} == expected


def test_rviz_is_started_when_asked_for(launch_file: Path, tmp_path: Path) -> None:
    nodes = resolved(launch_file, tmp_path, "rviz:=true")
    (rviz,) = [node for node in nodes.values() if node["exec"] == "rviz2"]
    assert any(str(argument).endswith("place_recognition.rviz") for argument in rviz["args"])


def test_the_profile_for_large_clouds_is_set_unless_the_user_has_one(launch_file: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "FASTDDS_DEFAULT_PROFILES_FILE"}
    own = "/etc/my_profiles.xml"
    for given, expected in (({}, "config/fastdds.xml"), ({"FASTDDS_DEFAULT_PROFILES_FILE": own}, own)):
        nodes = resolved(launch_file, tmp_path, environment={**environment, **given})
        values = {item["name"]: item["value"] for item in nodes["/place_recognition"]["env"]}
        assert values["FASTDDS_DEFAULT_PROFILES_FILE"].endswith(expected)


def test_a_mode_that_does_not_exist_is_refused(launch_file: Path, tmp_path: Path) -> None:
    assert PLAY_LAUNCH is not None
    command = [PLAY_LAUNCH, "dump", "launch", str(launch_file), "mode:=exploring"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "exploring" in done.stderr + done.stdout


def test_what_is_launched_by_its_package_reports_itself(tmp_path: Path) -> None:
    assert PLAY_LAUNCH is not None
    rclpy.init(args=[])
    listener = rclpy.create_node("listener")
    heard: list[str] = []
    listener.create_subscription(DiagnosticArray, "/diagnostics", lambda array: heard.append(array.status[0].name), 10)
    command = [PLAY_LAUNCH, "launch", "--disable-all", "isometry", "place_recognition.launch.py", "namespace:=robot"]
    with open(tmp_path / "launch.log", "w") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        end = time.monotonic() + 60.0
        while not heard and time.monotonic() < end and process.poll() is None:
            rclpy.spin_once(listener, timeout_sec=0.1)
        assert heard[:1] == ["robot/place_recognition: status"], (tmp_path / "launch.log").read_text()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30.0)
        listener.destroy_node()
        rclpy.try_shutdown()
