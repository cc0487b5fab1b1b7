"""A node beside a robot: started, watched, and ended with whoever watches it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator, Mapping
from pathlib import Path

from isometry.evaluation.replay.inputs import Topics
from isometry.evaluation.replay.processes import (
    ReplayError,
    end_with,
    ended_in_order,
    environment_beside_robots,
    last_line,
    node_command,
    running,
)


def watch(node: str, log: Path, topics: Topics, parameters: Mapping[str, str]) -> Generator[dict[str, str], None, None]:
    """Start a node, and yield the values of each of its reports, and `message`, about once a second.

    `topics` are those of the robot, where they are not those of the node. The node's own output goes to `log`. It ends
    when the iterator is closed. Raises ReplayError when the node ends by itself, or lacks one of the parameters.
    """
    remapped = {name: topic for name, topic in vars(topics).items() if topic}
    environment = environment_beside_robots()
    monitor = [sys.executable, "-m", "isometry.nodes.replay.monitor", "--node", node, "--given", *parameters]
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("w") as output,
        ended_in_order(),
        running(node_command(node, remapped, parameters), environment, stdout=output, stderr=output) as process,
        running(monitor, environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watcher,
    ):
        end_with(process, watcher)
        for line in watcher.stdout:
            yield json.loads(line)
        errors = watcher.stderr.read()
        if process.poll() is not None:
            raise ReplayError(f"the node ended with exit code {process.returncode}: {last_line(log.read_text())}")
        raise ReplayError(last_line(errors) or "the monitor of the node ended")
