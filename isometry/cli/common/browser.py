"""The options and the words of commands that show something in the browser, and the view of a replay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isometry.cli.common.progress import needs

if TYPE_CHECKING:
    import viser

    from isometry.evaluation.replay.recording import NodeRecording

Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 shows the view to the whole network.")]
Port = Annotated[int, typer.Option(help="Port of the view in the browser.")]
THIS_MACHINE = "127.0.0.1"


def address(server: viser.ViserServer) -> str:
    """Where a view is seen, and how it ends."""
    return f"http://{server.get_host()}:{server.get_port()}   (Ctrl-C ends it)"


def serve_replay(bag: Path, recording: NodeRecording | None, every: int, port: int, host: str = THIS_MACHINE) -> None:
    """Serve a bag and what a node found in it until Ctrl-C. Raises ValueError when viser is not installed."""
    from rich.console import Console

    with needs("viser"):
        from isometry.evaluation.replay.views import show
    server = show(bag, port, every, recording, host)
    Console().print(address(server))
    server.sleep_forever()
