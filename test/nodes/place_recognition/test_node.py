"""The node in its own process, over real DDS, as a robot meets it."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from isometry.geometry import se3
from isometry.nodes.runtime.diagnostics import values_of
from isometry.place_recognition.encoder import BirdsEyeEncoder
from isometry.place_recognition.memory import PlaceMemory

if TYPE_CHECKING:
    from test.nodes.conftest import NodeProcess, Robot

    StartNode = Callable[..., NodeProcess]

SECOND = 1_000_000_000
LAP = 20.0 * np.pi
STEP = 2.5


def on_circle(travelled: float) -> np.ndarray:
    """T_map_base after so many metres around a circle of 10 m that begins at the origin, heading along x."""
    angle = travelled / 10.0
    return se3.from_planar(10.0 * np.sin(angle), 10.0 * (1.0 - np.cos(angle)), angle)


def drive(robot: Robot, begin: float, end: float, start_ns: int = SECOND, drift: float = 0.0) -> list[int]:
    """Around the circle at 1 m/s; odometry gains `drift` metres in y per metre. Returns the stamps."""
    stamps = []
    for travelled in np.arange(begin, end, STEP):
        odometry = on_circle(travelled)
        odometry[1, 3] += drift * travelled
        stamps.append(start_ns + round(travelled * SECOND))
        robot.drive(on_circle(travelled), stamps[-1], odometry)
    return stamps


def accepted(robot: Robot, stamps: list[int]) -> list[int]:
    return [stamp for stamp in stamps if robot.matches[stamp]["accepted"] == "true"]


def test_a_loop_is_found_the_path_is_corrected_and_map_to_odom_follows(robot: Robot, start_node: StartNode) -> None:
    node = start_node(loop_min_travel=60.0)
    robot.meet()
    first = drive(robot, 0.0, LAP - 1.0, drift=0.02)
    assert not accepted(robot, first)
    second = drive(robot, LAP, LAP + 10.0, drift=0.02)
    found = accepted(robot, second)
    assert len(found) >= 2
    robot.until(lambda: set(found) <= set(robot.poses))
    for stamp in found:
        expected = on_circle((stamp - SECOND) / SECOND)
        assert np.linalg.norm(robot.poses[stamp][:2, 3] - expected[:2, 3]) < 0.5
    match = robot.matches[found[0]]
    assert int(match["keyframe"]) in (0, 1)
    assert int(match["keyframe_stamp_ns"]) == first[int(match["keyframe"])]
    assert float(match["confidence"]) > 0.5
    robot.until(lambda: robot.corrections)
    assert sum(np.linalg.norm(correction[:3, 3]) for correction in robot.corrections) > 0.5
    drifted = 0.02 * (second[-1] - SECOND) / SECOND
    robot.until(lambda: abs(robot.map_to_odom[-1][1, 3] + drifted) < 0.6)
    end = on_circle((second[-1] - SECOND) / SECOND)[:2, 3]
    robot.until(lambda: np.linalg.norm(robot.path[-1][:2, 3] - end) < 0.6)  # the path is published once a second
    robot.until(lambda: len(robot.path) == int(values_of(robot.status).get("keyframes", 0)) > 20)
    robot.until(lambda: robot.state == "no_input")
    figures = values_of(robot.status)
    assert figures["provider"] == "CPUExecutionProvider"
    assert len(figures["model_sha256"]) == 64
    assert float(figures["processing_p99_ms"]) >= float(figures["processing_p50_ms"]) > 0.0
    assert int(figures["drops"]) == 0
    assert node.stop() == 0


def test_a_saved_map_survives_a_kill_and_finds_the_robot_again(
    new_robot: Callable[[], Robot], start_node: StartNode, tmp_path: Path
) -> None:
    memory_file = tmp_path / "town.places"
    mapping, robot = start_node(memory_file=memory_file), new_robot()
    robot.meet()
    drive(robot, 0.0, LAP / 2)
    answer = robot.call("save")
    assert answer.success
    assert str(memory_file) in answer.message
    robot.leave()
    mapping.stop(signal.SIGKILL)
    saved = memory_file.read_bytes()

    localization, robot = start_node(mode="localization", memory_file=memory_file), new_robot()
    robot.until(lambda: "/points is published by /robot" in robot.status.message)
    T_odom_map = se3.from_planar(100.0, -20.0, 2.0)
    true = on_circle(10.0) @ se3.from_planar(0.0, 0.0, np.pi / 2)
    stamp = 5000 * SECOND
    assert robot.drive(true, stamp, T_odom_map @ true)["accepted"] == "true"
    robot.until(lambda: stamp in robot.poses)
    assert np.linalg.norm(robot.poses[stamp][:3, 3] - true[:3, 3]) < 0.5
    robot.until(lambda: robot.map_to_odom and np.allclose(robot.map_to_odom[-1], se3.inverse(T_odom_map), atol=2.0))
    assert localization.stop() == 0
    assert memory_file.read_bytes() == saved


def test_with_autosave_a_kill_loses_nothing(robot: Robot, start_node: StartNode, tmp_path: Path) -> None:
    memory_file = tmp_path / "town.places"
    node = start_node(memory_file=memory_file, autosave=True)
    robot.meet()
    stamps = drive(robot, 0.0, 20.0)
    robot.leave()
    node.stop(signal.SIGKILL)
    encoder = BirdsEyeEncoder.load()
    memory = PlaceMemory.load(memory_file, encoder.sha256, encoder.descriptor_size)
    assert memory.stamps_ns.tolist() == stamps


def test_clear_forgets_and_load_brings_back(robot: Robot, start_node: StartNode, tmp_path: Path) -> None:
    start_node(memory_file=tmp_path / "town.places")
    robot.meet()
    drive(robot, 0.0, 10.0)
    refused = robot.call("load")
    assert not refused.success
    assert "town.places" in refused.message
    assert robot.call("save").success
    assert robot.call("clear").message.startswith("forgot 4 keyframes")
    robot.until(lambda: values_of(robot.status).get("keyframes") == "0")
    assert robot.call("load").message.startswith("loaded 4 keyframes")
    robot.until(lambda: values_of(robot.status).get("keyframes") == "4")


def test_a_map_of_another_model_is_refused_by_name_and_the_node_stays_up(
    robot: Robot, start_node: StartNode, tmp_path: Path
) -> None:
    memory_file = tmp_path / "foreign.places"
    PlaceMemory("0" * 64, 16).save(memory_file)
    node = start_node(mode="localization", memory_file=memory_file)
    robot.until(lambda: robot.state == "model_mismatch")
    assert f"{memory_file}: made with another model" in robot.status.message
    assert node.runs
    assert PlaceMemory.load(memory_file, "0" * 64, 16).descriptor_size == 16


@pytest.mark.parametrize(
    ("parameters", "word", "words"),
    [
        ({"model_file": "/nowhere/model.onnx"}, "model_mismatch", "/nowhere/model.onnx"),
        ({"mode": "exploring"}, "bad_input", "mode = 'exploring'"),
        ({"odometry": "wheels"}, "bad_input", "odometry = 'wheels'"),
        ({"provider": "abacus"}, "bad_input", "provider 'abacus'"),
        ({"provider": "webgpu"}, "bad_input", "asked for WebGpuExecutionProvider"),
        ({"provider": "cuda", "provider_options": "use_tf32"}, "bad_input", "provider_options 'use_tf32'"),
        ({"mode": "localization"}, "bad_input", "memory_file is empty"),
        ({"mode": "localization", "memory_file": "/nowhere/a.places"}, "bad_input", "/nowhere/a.places"),
    ],
)
def test_what_cannot_be_configured_is_named_and_the_node_stays_up(
    robot: Robot, start_node: StartNode, parameters: dict[str, Any], word: str, words: str
) -> None:
    node = start_node(**parameters)
    robot.until(lambda: robot.state == word)
    assert words in robot.status.message
    assert "\n" not in robot.status.message
    assert node.runs


def test_a_parameter_out_of_range_ends_the_node_with_one_line(start_node: StartNode) -> None:
    node = start_node(keyframe_distance=-1.0)
    assert node.process.wait(timeout=60.0) == 2
    (line,) = [line for line in node.log.read_text().splitlines() if "cannot start" in line]
    assert "keyframe_distance" in line
    assert "Traceback" not in node.log.read_text()


def test_a_bag_that_starts_again_is_located_in_the_map_and_adds_nothing(robot: Robot, start_node: StartNode) -> None:
    start_node()
    robot.meet()
    stamps = drive(robot, 0.0, 25.0)
    robot.matches.clear()
    again = drive(robot, 0.0, 20.0)
    assert accepted(robot, again) == again == stamps[:8]
    robot.until(lambda: values_of(robot.status).get("keyframes") == "10")


def test_a_full_disk_stops_the_saving_and_nothing_else(robot: Robot, start_node: StartNode, tmp_path: Path) -> None:
    memory_file = tmp_path / "town.places"
    node = start_node(memory_file=memory_file, autosave=True)
    robot.meet()
    stamps = drive(robot, 0.0, 10.0)
    files = [memory_file, memory_file.with_name(memory_file.name + "-wal")]
    room = max(file.stat().st_size for file in files) + 20_000
    # as on a full disk, no file of the node can grow any more; those of the transport have their size already
    resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    stamps += drive(robot, 10.0, 25.0)
    robot.until(lambda: robot.state == "not_saved")
    assert f"{memory_file}: " in robot.status.message
    sent = len(robot.map_to_odom)
    stamps += drive(robot, 25.0, 30.0)
    robot.until(lambda: values_of(robot.status).get("keyframes") == str(len(stamps)))
    assert len(robot.map_to_odom) > sent
    assert node.stop() == 0
    log = node.log.read_text()
    assert "Traceback" not in log
    assert len([line for line in log.splitlines() if "the map is not saved completely" in line]) == 1
    encoder = BirdsEyeEncoder.load()
    saved = PlaceMemory.load(memory_file, encoder.sha256, encoder.descriptor_size).stamps_ns.tolist()
    assert stamps[:4] == saved[:4]
    assert saved == stamps[: len(saved)]


def test_when_the_clock_is_set_back_mapping_goes_on(robot: Robot, start_node: StartNode) -> None:
    start_node()
    robot.meet()
    before = drive(robot, 0.0, 20.0, 10_000 * SECOND)
    after = drive(robot, 20.0, 40.0, 6_400 * SECOND)
    assert [robot.matches[stamp]["added_keyframe"] for stamp in after] == [str(len(before) + k) for k in range(8)]
    robot.until(lambda: len(robot.path) == len(before) + len(after))
    assert all(np.allclose(T_map_odom, np.eye(4), atol=0.3) for T_map_odom in robot.map_to_odom)
    robot.until(lambda: robot.state == "no_input")  # nothing else was reported in between
