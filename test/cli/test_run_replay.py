"""`isometry run` on whole bags, through real nodes over DDS, as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from typer.testing import CliRunner, Result

from isometry.arrays import Array
from isometry.cli.main import app
from isometry.datasets.kitti.odometry import KittiOdometry
from isometry.datasets.rosbag.drive import TOPICS, write_drive
from isometry.datasets.rosbag.message_types import POINT_CLOUD, ros2_types
from isometry.datasets.rosbag.reader import open_bag, read_clouds, stamp_ns_of_header
from isometry.evaluation.replay.recording import load_recording
from isometry.geometry import se3
from isometry.simulation.drive import SimulatedDrive, write_simulated_drive
from isometry.simulation.sensors.lidar import SpinningLidar

pytest.importorskip("rclpy", reason="needs ROS 2: rclpy is not installed")

SCANS, SPACING_M = 12, 0.5
Times = Callable[[int, int, int], Array]  # of the scan, its stamp and its number of points: a time for each


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> KittiOdometry:
    root, lidar = tmp_path_factory.mktemp("simulated") / "kitti", SpinningLidar(beams=32, azimuth_step_deg=1.0)
    write_simulated_drive(root, SimulatedDrive(scans=SCANS, spacing_m=SPACING_M, remounted_deg=0.0, lidar=lidar))
    return KittiOdometry(root, "00")


@pytest.fixture(scope="module")
def bag(drive: KittiOdometry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "drive"
    write_drive(path, drive)
    return path


def run(node: str, bag: Path, out: Path, *arguments: str) -> Result:
    command = ["run", node, "--bag", str(bag), "--out", str(out), "--rate", "0", *arguments]
    return CliRunner().invoke(app, command, env={"COLUMNS": "200"})


def figures(out: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report


def odometry(bag: Path, out: Path) -> Array:
    done = run("lidar-odometry", bag, out)
    assert done.exit_code == 0, done.output
    assert figures(out)["answered"] == SCANS
    path: Array = vars(load_recording(out / "recording.npz"))["T_odom_base"]
    return path


def with_times(bag: Path, path: Path, times: Times, kind: str = "<f8") -> Path:
    """A copy of the scans of a bag whose points have a field `timestamp`, as drivers of LiDARs write it."""
    store = ros2_types()
    types: Any = store.types
    layout = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("timestamp", kind)])
    float32, time_code = 7, {"<f8": 8, "<u8": 10}[kind]
    with open_bag(bag) as reader, Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        scans = writer.add_connection("/points", POINT_CLOUD, typestore=store)
        connections = [connection for connection in reader.connections if connection.topic == "/points"]
        for k, (connection, time_ns, raw) in enumerate(reader.messages(connections)):
            message: Any = reader.deserialize(raw, connection.msgtype)
            rows = np.zeros(message.width, layout)
            for axis, column in zip("xyz", message.data.view("<f4").reshape(-1, 4).T, strict=False):
                rows[axis] = column
            rows["timestamp"] = times(k, stamp_ns_of_header(message.header), message.width)
            field = types["sensor_msgs/msg/PointField"]
            fields = [field(name, 4 * axis, float32, 1) for axis, name in enumerate("xyz")]
            fields.append(field("timestamp", 12, time_code, 1))
            header = types["std_msgs/msg/Header"](message.header.stamp, "base_link")
            content = np.frombuffer(rows.tobytes(), np.uint8)
            cloud = types[POINT_CLOUD](header, 1, len(rows), fields, False, layout.itemsize, rows.nbytes, content, True)
            writer.write(scans, time_ns, store.serialize_cdr(cloud, POINT_CLOUD))
    return path


def of_hesai(scan: int, stamp_ns: int, count: int) -> Array:
    return np.full(count, stamp_ns * 1e-9)


LAYOUTS: Mapping[str, tuple[str, Times]] = {
    "Hesai, RoboSense": ("<f8", of_hesai),
    "Livox": ("<f8", lambda scan, stamp_ns, count: np.full(count, stamp_ns * 1.0)),
    "microseconds": ("<f8", lambda scan, stamp_ns, count: np.full(count, stamp_ns * 1e-3)),
    "whole nanoseconds": ("<u8", lambda scan, stamp_ns, count: np.full(count, stamp_ns, np.uint64)),
}


@pytest.mark.slow
@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_scans_with_times_since_the_epoch_are_replayed_as_those_without(bag: Path, tmp_path: Path, layout: str) -> None:
    kind, times = LAYOUTS[layout]
    expected = odometry(bag, tmp_path / "without")
    found = odometry(with_times(bag, tmp_path / "bag", times, kind), tmp_path / "with")
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_a_point_without_a_time_is_left_out_and_counted(bag: Path, tmp_path: Path) -> None:
    def times(scan: int, stamp_ns: int, count: int) -> Array:
        found = of_hesai(scan, stamp_ns, count)
        found[:3] = [0.0, np.nan, 1.0]
        return found

    odometry(with_times(bag, tmp_path / "bag", times), tmp_path / "out")
    assert int(figures(tmp_path / "out")["node"]["points_without_time"]) == 3 * SCANS


@pytest.mark.slow
def test_a_bag_of_ros_1_is_replayed_as_that_of_ros_2(
    bag: Path, tmp_path: Path, write_as_ros1: Callable[[Path, Path, tuple[str, ...]], None]
) -> None:
    write_as_ros1(bag, tmp_path / "drive.bag", TOPICS)
    np.testing.assert_allclose(
        odometry(tmp_path / "drive.bag", tmp_path / "one"), odometry(bag, tmp_path / "two"), atol=0.01
    )
    done = run("place-recognition", tmp_path / "drive.bag", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert figures(tmp_path / "out")["answered"] == SCANS
    assert figures(tmp_path / "out")["judged"] is True


def test_a_replay_without_an_answer_fails_and_says_why(bag: Path, tmp_path: Path) -> None:
    other_clock = with_times(
        bag, tmp_path / "bag", lambda scan, stamp_ns, count: np.full(count, stamp_ns * 1e-9 - 500.0)
    )
    done = run("lidar-odometry", other_clock, tmp_path / "out")
    assert done.exit_code == 1
    line = done.output.splitlines()[-1]
    assert line.startswith(f"error: none of {SCANS} messages was answered: bad_input:")
    assert "500 s from the stamp" in line
    assert "set deskew to false" in line  # what to do
    assert "none of 12 messages was answered" in (tmp_path / "out/report.html").read_text()
    assert run("lidar-odometry", other_clock, tmp_path / "out", "--parameter", "deskew=false").exit_code == 0


def test_a_replay_of_which_most_was_refused_fails(bag: Path, tmp_path: Path) -> None:
    def times(scan: int, stamp_ns: int, count: int) -> Array:
        return of_hesai(scan, stamp_ns, count) + (500.0 if scan >= 4 else 0.0)

    done = run("lidar-odometry", with_times(bag, tmp_path / "bag", times), tmp_path / "out")
    assert done.exit_code == 1
    assert done.output.splitlines()[-1].startswith(f"error: 8 of {SCANS} messages were refused: bad_input:")
    assert (figures(tmp_path / "out")["answered"], figures(tmp_path / "out")["refused"]) == (4, 8)


@pytest.mark.parametrize(
    ("node", "misspelt", "nearest"),
    [
        ("lidar-odometry", "min_rnge", "min_range"),
        ("place-recognition", "keyframe_distanc", "keyframe_distance"),
        ("tracking", "scan.nearest", "scan.nearest_m"),
    ],
)
def test_a_misspelt_parameter_is_refused_with_the_nearest_name(
    bag: Path, tmp_path: Path, node: str, misspelt: str, nearest: str
) -> None:
    done = run(node, bag, tmp_path / "out", "--parameter", f"{misspelt}=1.0")
    assert done.exit_code == 1
    assert done.output.splitlines()[-1].endswith(f"has no parameter {misspelt!r}; the nearest is {nearest!r}")


def test_a_parameter_out_of_its_range_is_refused_by_name(bag: Path, tmp_path: Path) -> None:
    done = run("lidar-odometry", bag, tmp_path / "out", "--parameter", "min_range=-1.0")
    assert done.exit_code == 1
    assert "min_range is outside [0.0, 100.0]" in done.output.splitlines()[-1]


def test_odometry_is_judged_by_the_true_poses_in_the_bag(bag: Path, tmp_path: Path) -> None:
    done = run("lidar-odometry", bag, tmp_path / "out")
    assert done.exit_code == 0, done.output
    report, recording = figures(tmp_path / "out"), vars(load_recording(tmp_path / "out/recording.npz"))
    assert report["true_path_m"] == pytest.approx((SCANS - 1) * SPACING_M, abs=0.1)
    assert report["final_error_m"] < 0.2
    assert report["path_m"] == pytest.approx(
        np.linalg.norm(np.diff(recording["T_odom_base"][:, :3, 3], axis=0), axis=1).sum()
    )
    page = (tmp_path / "out/report.html").read_text()
    for title in ("Path", "Drift", "Error by axis of odom", "State", "Latency"):
        assert f"<h2>{title}</h2>" in page


@pytest.mark.slow
def test_a_robot_is_found_in_a_map_and_judged(drive: KittiOdometry, bag: Path, tmp_path: Path) -> None:
    """The map is made of the scans that are located in it, at their true poses."""
    scans = [se3.apply(T, points) for T, (_, points) in zip(drive.poses, read_clouds(bag), strict=True)]
    np.save(tmp_path / "map.npy", np.concatenate(scans))
    # with time for the whole map at each scan, whatever the machine
    patient = ("--parameter", "time_limit=30.0")
    done = run("relocalization", bag, tmp_path / "out", "--map", str(tmp_path / "map.npy"), *patient)
    assert done.exit_code == 0, done.output
    report = figures(tmp_path / "out")
    assert report["scans"] == SCANS
    assert report["answered"] + report["without_answer"] + report["refused"] + report["drops"] == SCANS
    page = (tmp_path / "out/report.html").read_text()
    for title in ("Position over time", "State", "Confidence"):
        assert f"<h2>{title}</h2>" in page
    assert report["first_pose_after_scans"] <= 4
    assert report["wrong_poses"] == 0
    assert report["position_error_m"]["median"] < 0.1


def test_a_map_that_is_not_there_is_named(bag: Path, tmp_path: Path) -> None:
    done = run("relocalization", bag, tmp_path / "out", "--map", str(tmp_path / "missing.ply"))
    assert done.exit_code == 1
    assert done.output.strip() == f"error: {tmp_path}/missing.ply: no such file"


def test_a_map_that_is_none_is_named(bag: Path, tmp_path: Path) -> None:
    (tmp_path / "map.ply").write_text("nonsense\n")
    done = run("relocalization", bag, tmp_path / "out", "--map", str(tmp_path / "map.ply"))
    assert done.exit_code == 1
    assert f"{tmp_path}/map.ply" in done.output.splitlines()[-1]
