"""Replays a bag through a real node, in its own process over real DDS, and reads the recording of its answers."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from isometry.evaluation.replay.inputs import NodeInputs, Topics, choose_inputs
from isometry.evaluation.replay.object_pose.inputs import UNHURRIED
from isometry.evaluation.replay.processes import (
    ReplayError,
    end_with,
    ended_in_order,
    environment_apart,
    last_line,
    node_command,
    running,
)
from isometry.evaluation.replay.recording import Kind


def replay(
    kind: type[Kind],
    bag: Path,
    log: Path,
    rate: float = 1.0,
    topics: Topics | None = None,
    parameters: Mapping[str, object] | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> Kind:
    """Play `bag` into the node that makes recordings of `kind`, at `rate` times its speed (0: as fast as it answers).

    The node's own output goes to `log`. `topics` are those of the bag, needed when it has several of a type.
    `parameters` are the node's, by name; what they leave open follows from the bag (`choose_inputs`). `advance` is
    called with (done, total) after each scan. Raises DatasetError for a bag that cannot be used, ReplayError when a
    process fails, also for a parameter that the node does not have.
    """
    if rate < 0.0:
        raise ValueError(f"rate {rate} is negative")
    given = {name: _text(value) for name, value in (parameters or {}).items()}
    inputs = choose_inputs(kind.node, bag, topics or Topics(), given)
    environment = environment_apart()
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, log.open("w") as output, ended_in_order():
        out = Path(folder) / "recording.npz"
        command = node_command(
            kind.node, inputs.topics, {**(_lossless(kind.node, inputs) if not rate else {}), **inputs.parameters}
        )
        with running(command, environment, stdout=output, stderr=subprocess.STDOUT) as node:
            _play(_player(kind.node, bag, out, rate, inputs, given), environment, node, log, advance)
        return replace(kind.load(out), given={**inputs.parameters, **inputs.topics})


def _lossless(node: str, inputs: NodeInputs) -> dict[str, str]:
    """Parameters by which the node receives every message of its inputs, and has the time that it needs for each."""
    topics = [topic.lstrip("/") for topic in inputs.topics.values()]
    reliable = {f"qos_overrides./{topic}.subscription.reliability": "reliable" for topic in topics}
    return reliable | (UNHURRIED if node == "object_pose" else {})


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _player(node: str, bag: Path, out: Path, rate: float, inputs: NodeInputs, given: Mapping[str, str]) -> list[str]:
    answered, *others = inputs.topics.values()
    command = [sys.executable, "-m", "isometry.nodes.replay", str(bag), str(out), "--node", node, "--rate", str(rate)]
    command += ["--points", answered, "--topics", *others, *inputs.transforms]
    command += ["--not-played", inputs.not_played, "--given", *given]
    frames = inputs.parameters.get("odom_frame", "odom"), inputs.parameters.get("base_frame", "base_link")
    return [*command, "--odometry-frames", *frames]


def _play(
    command: list[str],
    environment: Mapping[str, str],
    node: subprocess.Popen[str],
    log: Path,
    advance: Callable[[int, int], None] | None,
) -> None:
    """Run the player to its end. Raises ReplayError when it failed, or when the node ended meanwhile."""
    with running(command, environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as player:
        end_with(node, player)
        for line in player.stdout:
            if advance is not None and line.startswith("{"):
                progress: dict[str, Any] = json.loads(line)
                advance(progress["done"], progress["total"])
        errors = player.stderr.read()
        player.wait()
    if node.poll() is not None:
        raise ReplayError(f"the node ended with exit code {node.returncode}: {last_line(log.read_text())}")
    if player.returncode:
        raise ReplayError(last_line(errors) or f"the player ended with exit code {player.returncode}")
