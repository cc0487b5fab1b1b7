"""Nodes and the programs beside them as processes of their own, which are ended whatever happens to this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

REPOSITORY = Path(__file__).resolve().parents[3]
EMPTY = "''"
"""A text without characters, as a value of a parameter on the command line."""
STOP_S = 10.0
"""How long a process may take to end after it was asked to."""


class ReplayError(ValueError):
    """A process of the replay failed; the message is the last line of its output."""


def node_command(node: str, topics: Mapping[str, str], parameters: Mapping[str, object]) -> list[str]:
    """The command of a node with its file in config/, parameters, and remapped topics by the node's names."""
    command = [sys.executable, "-m", f"isometry.nodes.{node}.node", "--ros-args"]
    command += ["--params-file", str(_share("config") / f"{node}.yaml")]
    for name, topic in topics.items():
        command += ["-r", f"{name}:={topic}"]
    for name, value in parameters.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        command += ["-p", f"{name}:={text or EMPTY}"]
    return command


@contextmanager
def running(
    command: list[str], environment: Mapping[str, str], stdout: IO[str] | int, stderr: IO[str] | int
) -> Iterator[Any]:
    """A process, given to the block as a Popen of text, and ended after it.

    It is of a session of its own, so that Ctrl-C does not reach it before this process has ended it in order. A process
    that has to be killed leaves shared memory behind, which is removed.
    """
    process = subprocess.Popen(
        command, env=dict(environment), start_new_session=True, text=True, stdout=stdout, stderr=stderr
    )
    try:
        yield process
    finally:
        _stop(process, environment)


def _stop(process: subprocess.Popen[str], environment: Mapping[str, str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        clean = [sys.executable, "-m", "isometry.nodes.runtime.shared_memory"]
        subprocess.run(clean, env=dict(environment), stderr=subprocess.DEVNULL, check=False)


def end_with(first: subprocess.Popen[str], second: subprocess.Popen[str]) -> None:
    """End the second process as soon as the first one ends."""

    def wait() -> None:
        first.wait()
        second.terminate()

    threading.Thread(target=wait, daemon=True).start()


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Let SIGTERM end this process as Ctrl-C does, so that what it has started is ended too."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def last_line(text: str) -> str:
    """The last line that is not empty; empty without any."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def environment_beside_robots() -> dict[str, str]:
    """The environment of processes that hear the robots around: a DDS profile for large messages is added."""
    environment = dict(os.environ)
    environment.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)
    environment.setdefault("FASTDDS_DEFAULT_PROFILES_FILE", str(_share("config") / "fastdds.xml"))
    return environment


def environment_apart() -> dict[str, str]:
    """The environment of a replay: as beside robots, on this machine only, in a domain of its own.

    Variables that are set already are kept.
    """
    environment = environment_beside_robots()
    environment.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    environment.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    return environment


def _share(name: str) -> Path:
    """A folder of the package: in the repository, or where it is installed."""
    folders = [root / name for root in (REPOSITORY, Path(sys.prefix) / "share" / "isometry")]
    return next((folder for folder in folders if folder.is_dir()), folders[0])
