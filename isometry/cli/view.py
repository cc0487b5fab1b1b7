"""`isometry view`: a bag in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.progress import clear_errors, needs


def view(
    bag: Annotated[Path, typer.Argument(help="rosbag2 directory, .mcap or .db3.")],
    recording: Annotated[
        Path | None, typer.Option(help="recording.npz of `isometry run` or `isometry demo`: its loops.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Show each so many-th cloud.")] = 10,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8080,
) -> None:
    """Look at a bag's clouds, path and loops in a browser. Needs viser (pip install viser)."""
    from rich.console import Console

    with clear_errors():
        with needs("viser"):
            from isometry.evaluation.view import show
        from isometry.evaluation.recording import Recording

        server = show(bag, port, every, None if recording is None else Recording.load(recording))
        Console().print(f"http://localhost:{server.get_port()}   (Ctrl-C ends it)")
        server.sleep_forever()
