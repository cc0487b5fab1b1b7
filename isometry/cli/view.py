"""`isometry view`: a bag in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.browser import Host, address
from isometry.cli.common.progress import clear_errors, needs


def view(
    bag: Annotated[Path, typer.Argument(help="rosbag2 directory, .mcap, .db3, or .bag of ROS 1.")],
    recording: Annotated[
        Path | None, typer.Option(help="recording.npz of `isometry run` or `isometry demo`: its loops, its tracks.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Show each so many-th cloud.")] = 10,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8080,
    host: Host = "127.0.0.1",
) -> None:
    """Look at a bag's clouds, path and loops, or at its tracks, in a browser. Needs viser (pip install viser)."""
    from rich.console import Console

    with clear_errors():
        with needs("viser"):
            from isometry.evaluation.replay.place_recognition import view as place_recognition_view
            from isometry.evaluation.replay.tracking import view as tracking_view
        from isometry.evaluation.replay.recording import TrackingRecording, load_recording

        recorded = None if recording is None else load_recording(recording)
        if isinstance(recorded, TrackingRecording):
            server = tracking_view.show(bag, port, recorded, host)
        else:
            server = place_recognition_view.show(bag, port, every, recorded, host)
        Console().print(address(server))
        server.sleep_forever()
