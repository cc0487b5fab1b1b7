"""Replays a bag through a real node, in its own process over real DDS, and reads the recording of its answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from isometry.datasets.errors import DatasetError
from isometry.datasets.rosbag.message_types import IMU, ODOMETRY, POINT_CLOUD
from isometry.datasets.rosbag.reader import topic_types
from isometry.evaluation.replay.recording import Kind, PlaceRecognitionRecording, TrackingRecording

REPOSITORY = Path(__file__).resolve().parents[3]


class ReplayError(ValueError):
    """A process of the replay failed; the message is the last line of its output."""


def replay_place_recognition(
    bag: Path,
    log: Path,
    rate: float = 1.0,
    points: str = "",
    parameters: Mapping[str, object] | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> PlaceRecognitionRecording:
    """Play `bag` into place recognition, at `rate` times its speed (0: as fast as the node answers).

    The node's own output goes to `log`. `points` is the topic of the scans, needed when the bag has several.
    `parameters` are the node's. `advance` is called with (done, total) after each scan. Raises DatasetError for a bag
    that cannot be used, ReplayError when a process fails.
    """
    topics = topic_types(bag)
    points = points or _only_topic(bag, topics, POINT_CLOUD)
    chosen = {"odometry": "tf" if "/tf" in topics else "topic", **(parameters or {})}
    remapped = {"points": points}
    if chosen["odometry"] == "topic":
        remapped["odom"] = _only_topic(bag, topics, ODOMETRY)
    if IMU in topics.values():
        remapped["imu"] = next(topic for topic, kind in topics.items() if kind == IMU)
    return _replay(PlaceRecognitionRecording, bag, log, rate, remapped, topics, chosen, advance)


def replay_tracking(
    bag: Path,
    log: Path,
    rate: float = 1.0,
    points: str = "",
    detections: str = "",
    parameters: Mapping[str, object] | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> TrackingRecording:
    """Play `bag` into tracking: the detections on the topic of that name, else its scans.

    The other arguments and the errors are those of `replay_place_recognition`.

    Odometry is that of the bag: from TF, else from its only odometry topic. Without either, the node estimates it.
    """
    topics = topic_types(bag)
    remapped = {"detections": detections} if detections else {"points": points or _only_topic(bag, topics, POINT_CLOUD)}
    odometry = "tf" if "/tf" in topics else "topic" if list(topics.values()).count(ODOMETRY) == 1 else "none"
    chosen = {"input": next(iter(remapped)), "odometry": odometry, **(parameters or {})}
    if chosen["odometry"] == "topic":
        remapped["odom"] = _only_topic(bag, topics, ODOMETRY)
    return _replay(TrackingRecording, bag, log, rate, remapped, topics, chosen, advance)


def _replay(
    kind: type[Kind],
    bag: Path,
    log: Path,
    rate: float,
    remapped: dict[str, str],
    topics: Mapping[str, str],
    parameters: Mapping[str, object],
    advance: Callable[[int, int], None] | None,
) -> Kind:
    """The recording, of type `kind`, of the node that makes such recordings; the bag has `topics`.

    `remapped` has the bag's topic by the node's; the node answers the messages of the first one.
    """
    if rate < 0.0:
        raise ValueError(f"rate {rate} is negative")
    answered, *others = remapped.values()
    others += sorted({"/tf", "/tf_static"} & topics.keys())
    chosen = {"sensor_pose": "tf" if {"/tf", "/tf_static"} & topics.keys() else "identity", **parameters}
    node = [sys.executable, "-m", f"isometry.nodes.{kind.node}.node", "--ros-args"]
    for name, topic in remapped.items():
        node += ["-r", f"{name}:={topic}"]
    for name, value in chosen.items():
        node += ["-p", f"{name}:={str(value).lower() if isinstance(value, bool) else value}"]
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, log.open("w") as log_file, _running(node, log_file) as process:
        out = Path(folder) / "recording.npz"
        player = [sys.executable, "-m", "isometry.nodes.replay", str(bag), str(out), "--node", kind.node]
        player += ["--points", answered, "--rate", str(rate), "--topics", *others]
        _play(player, process, log, advance)
        return kind.load(out)


def _only_topic(bag: Path, topics: Mapping[str, str], kind: str) -> str:
    found = [topic for topic, its_kind in topics.items() if its_kind == kind]
    if len(found) != 1:
        raise DatasetError(f"{bag}: {len(found)} topics of type {kind} where one is needed ({', '.join(found) or '-'})")
    return found[0]


@contextmanager
def _running(command: list[str], output: IO[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=ros_environment())
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _play(
    command: list[str],
    node: subprocess.Popen[bytes],
    log: Path,
    advance: Callable[[int, int], None] | None,
) -> None:
    """Run the player to its end. Raises ReplayError when it failed, or when the node ended meanwhile."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ros_environment()
    ) as player:
        assert player.stdout is not None
        assert player.stderr is not None
        threading.Thread(target=_end_with, args=(node, player), daemon=True).start()
        try:
            for line in player.stdout:
                if advance is not None and line.startswith("{"):
                    progress = json.loads(line)
                    advance(progress["done"], progress["total"])
            errors = player.stderr.read()
        finally:
            player.terminate()
    if node.poll() is not None:
        raise ReplayError(f"the node ended with exit code {node.returncode}: {_last_line(log.read_text())}")
    if player.returncode:
        raise ReplayError(_last_line(errors) or f"the player ended with exit code {player.returncode}")


def _end_with(node: subprocess.Popen[bytes], player: subprocess.Popen[str]) -> None:
    """End the player when the node ends."""
    node.wait()
    player.terminate()


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def ros_environment() -> dict[str, str]:
    """The environment of the processes: this machine only, a domain of their own, a DDS profile for large messages.

    Variables that are set already are kept.
    """
    environment = dict(os.environ)
    environment.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)
    environment.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    environment.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    for folder in (REPOSITORY, Path(sys.prefix) / "share" / "isometry"):
        profile = folder / "config" / "fastdds.xml"
        if profile.is_file():
            environment.setdefault("FASTDDS_DEFAULT_PROFILES_FILE", str(profile))
    return environment
