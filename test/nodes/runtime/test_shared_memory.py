"""The shared memory of nodes that were killed, with real nodes over Fast DDS."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from isometry.nodes.runtime.shared_memory import LOCK_FILE, SEGMENTS, remove_dead_segments

if TYPE_CHECKING:
    from test.nodes.conftest import NodeProcess

LONG_S = 60.0


def segments_of(process: int) -> set[Path]:
    """The segments of shared memory that a process has mapped and whose lock file it holds open."""
    opened = {Path(os.readlink(file)) for file in Path(f"/proc/{process}/fd").iterdir() if file.exists()}
    locks = {file for file in opened if file.parent == SEGMENTS and LOCK_FILE.fullmatch(file.name)}
    mapped = Path(f"/proc/{process}/maps").read_text()
    segments = {file.with_name(file.name.removesuffix("_el")) for file in locks}
    return {segment for segment in segments if f"{segment}\n" in mapped}


def started(node: NodeProcess) -> set[Path]:
    """Wait for the segment of a node, and return it."""
    end = time.monotonic() + LONG_S
    while not (found := segments_of(node.process.pid)):
        assert node.runs, node.log.read_text()
        assert time.monotonic() < end, node.log.read_text()
        time.sleep(0.1)
    return found


@pytest.mark.skipif(not SEGMENTS.is_dir(), reason="shared memory is elsewhere on this system: no /dev/shm")
def test_a_node_removes_the_segment_of_a_killed_one_and_leaves_that_of_a_living_one(
    start: Callable[..., NodeProcess],
) -> None:
    living, killed = start("lidar_odometry"), start("lidar_odometry")
    kept, lost = started(living), started(killed)
    assert killed.stop(signal.SIGKILL) == -signal.SIGKILL
    assert all(segment.exists() for segment in lost)  # this is what a kill leaves behind
    for segment in lost:  # on a fast machine it is younger than what is taken for dead
        os.utime(segment.with_name(f"{segment.name}_el"), (0, 0))
    own = started(start("lidar_odometry"))
    assert not any(segment.exists() for segment in lost)
    assert all(segment.exists() for segment in kept | own)
    assert living.runs


def test_only_what_nobody_holds_is_removed(tmp_path: Path) -> None:
    names = {
        "dead": "fastdds_0123456789abcdef",
        "living": "fastdds_fedcba9876543210",
        "new": "fastdds_00000000000000ff",
    }
    for name in names.values():
        (tmp_path / name).write_bytes(bytes(1000))
        (tmp_path / f"{name}_el").touch()
        os.utime(tmp_path / f"{name}_el", (0, 0))
    os.utime(tmp_path / f"{names['new']}_el")
    for other in ("fastdds_port7411", "fastdds_port7411_el", "sem.fastdds_port7411_mutex", "a_file_el"):
        (tmp_path / other).touch()
        os.utime(tmp_path / other, (0, 0))
    before = {file.name for file in tmp_path.iterdir()}
    with (tmp_path / f"{names['living']}_el").open("ab") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        assert remove_dead_segments(tmp_path) == 1000
    assert before - {file.name for file in tmp_path.iterdir()} == {names["dead"], f"{names['dead']}_el"}
    assert remove_dead_segments(tmp_path / "nowhere") == 0
