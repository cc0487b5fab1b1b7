"""`isometry bag`, as a user calls it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.datasets.rosbag.message_types import POINT_CLOUD
from isometry.datasets.rosbag.reader import summarise


def test_a_drive_becomes_a_bag_whose_topics_are_listed(simulated_kitti: Path, tmp_path: Path) -> None:
    bag = tmp_path / "drive"
    arguments = ["bag", "from-kitti", str(bag), "--kitti", str(simulated_kitti), "--sequence", "00", "--frames", "2:7"]
    written = CliRunner().invoke(app, arguments)
    assert written.exit_code == 0, written.output
    topics = summarise(bag).topics
    (points,) = (name for name, (kind, _) in topics.items() if kind == POINT_CLOUD)
    assert topics[points] == (POINT_CLOUD, 5)

    listed = CliRunner().invoke(app, ["bag", "info", str(bag)], env={"COLUMNS": "200"})
    assert listed.exit_code == 0, listed.output
    rows = [line.split() for line in listed.output.splitlines()]
    for topic, (kind, count) in topics.items():
        assert any({topic, kind, str(count)} <= set(row) for row in rows), topic


def test_a_tracking_sequence_becomes_a_bag(simulated_scans: Path, tmp_path: Path) -> None:
    bag, poses = tmp_path / "sequence", simulated_scans / "poses/0000.txt"
    data = ["--kitti-tracking", str(simulated_scans), "--sequence", "0", "--detections", "simulated"]
    written = CliRunner().invoke(app, ["bag", "from-kitti-tracking", str(bag), *data, "--poses", str(poses)])
    assert written.exit_code == 0, written.output
    counts = dict(summarise(bag).topics.values())
    assert counts[POINT_CLOUD] == counts["vision_msgs/msg/Detection3DArray"] == counts["nav_msgs/msg/Odometry"] == 25


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("info", "nowhere"), "nowhere: no such file or directory"),
        (("info", "{}/bag.mcap"), "{}/bag.mcap: not a readable bag"),
        (("info", "{}/empty"), "{}/empty: not a readable bag"),
        (("from-kitti", "{}/out", "--kitti", "nowhere", "--sequence", "00"), "nowhere/sequences/00/velodyne: no such"),
        (
            ("from-kitti", "{}/out", "--kitti", "{}/empty", "--sequence", "00"),
            "{}/empty/sequences/00/velodyne: no such",
        ),
        (("from-kitti", "{}/out", "--kitti", "{}", "--sequence", "00", "--frames", "5"), "'5' is not of the form A:B"),
        (("from-kitti-tracking", "{}/out", "--kitti-tracking", "{}/empty", "--sequence", "0"), "{}/empty: no calib"),
    ],
)
def test_bad_input_gets_one_line(
    refusal: Callable[..., str], nonsense: Path, arguments: tuple[str, ...], reason: str
) -> None:
    line = refusal("bag", *(argument.format(nonsense) for argument in arguments))
    assert line.startswith(reason.format(nonsense))
    assert not (nonsense / "out").exists()


def test_an_existing_bag_is_not_overwritten(refusal: Callable[..., str], simulated_kitti: Path, nonsense: Path) -> None:
    line = refusal("bag", "from-kitti", nonsense / "empty", "--kitti", simulated_kitti, "--sequence", "00")
    assert line.startswith(str(nonsense / "empty"))
    assert list((nonsense / "empty").iterdir()) == []
