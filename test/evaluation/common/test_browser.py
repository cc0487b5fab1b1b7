"""Who can reach a view in the browser."""

from __future__ import annotations

import socket

import pytest

browser = pytest.importorskip("isometry.evaluation.common.browser", reason="viser is not installed")


def reachable(host: str, port: int) -> bool:
    """Whether something listens on a port of this machine's address `host`."""
    with socket.socket() as client:
        client.settimeout(5.0)
        return client.connect_ex((host, port)) == 0


@pytest.mark.parametrize(("arguments", "elsewhere"), [((), False), (("0.0.0.0",), True)])
def test_a_view_is_seen_from_this_machine_only_unless_said(arguments: tuple[str, ...], elsewhere: bool) -> None:
    server = browser.serve(0, *arguments)
    try:
        assert reachable("127.0.0.1", server.get_port())
        assert reachable("127.0.0.2", server.get_port()) is elsewhere  # another address of the same machine
    finally:
        server.stop()
