"""The options and the words of commands that show something in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import viser

Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 shows the view to the whole network.")]


def address(server: viser.ViserServer) -> str:
    """Where a view is seen, and how it ends."""
    return f"http://{server.get_host()}:{server.get_port()}   (Ctrl-C ends it)"
