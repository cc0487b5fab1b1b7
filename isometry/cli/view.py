"""`isometry view`: a bag in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.browser import THIS_MACHINE, Host, Port, serve_replay
from isometry.cli.common.progress import clear_errors


def view(
    bag: Annotated[Path, typer.Argument(help="rosbag2 directory, .mcap, .db3, or .bag of ROS 1.")],
    recording: Annotated[
        Path | None, typer.Option(help="recording.npz of `isometry run` or `isometry demo`: what the node found.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Show each so many-th cloud.")] = 10,
    port: Port = 8080,
    host: Host = THIS_MACHINE,
) -> None:
    """Look at a bag's clouds and path, and at what a node found in it. Needs viser (pip install viser)."""
    from isometry.evaluation.replay.recording import load_recording

    with clear_errors():
        serve_replay(bag, None if recording is None else load_recording(recording), every, port, host)
