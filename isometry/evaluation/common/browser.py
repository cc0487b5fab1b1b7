"""The server of a view in the browser."""

from __future__ import annotations

import viser

THIS_MACHINE = "127.0.0.1"


def serve(port: int, host: str = THIS_MACHINE) -> viser.ViserServer:
    """A server that listens on a port of `host`: by default it is seen from this machine only.

    0 takes a free port; "0.0.0.0" listens on every interface, so that anybody in the network sees the view.
    """
    return viser.ViserServer(host=host, port=port, verbose=False)
