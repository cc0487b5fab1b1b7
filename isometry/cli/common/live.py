"""A node beside a robot, on the screen: a line a second, and a summary at the end."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

if TYPE_CHECKING:
    from isometry.evaluation.replay.inputs import Topics


def watch_node(node: str, log: Path, topics: Topics, parameters: Mapping[str, str]) -> None:
    """Run a node until Ctrl-C. Raises ValueError when it cannot run, or has received nothing until then."""
    from isometry.evaluation.replay.live import watch

    console = Console(highlight=False)
    console.print(f"{node} runs; its output is in {log} (Ctrl-C ends it)", soft_wrap=True)
    last: dict[str, str] = {}
    states: dict[str, str] = {}
    try:
        with (
            closing(watch(node, log, topics, parameters)) as reports,
            Live(console=console, auto_refresh=False) as live,
        ):
            for last in reports:
                states[last["state"]] = last["message"]
                if console.is_terminal:
                    live.update(Text(_line(last)), refresh=True)
                else:
                    console.print(_line(last), soft_wrap=True)
    except KeyboardInterrupt:
        pass
    received = int(last.get("received", 0))
    if not received:
        raise ValueError(f"{node} has received nothing: {last.get('message', 'it has made no report')}")
    counts = ", ".join(f"{last.get(name, '0')} {name}" for name in ("received", "published", "refused", "drops"))
    console.print(f"{counts}; {_latency(last)}", soft_wrap=True)
    for message in states.values():
        console.print(f"  {message}", soft_wrap=True)


def _line(report: Mapping[str, str]) -> str:
    rates = (float(report.get(name, 0.0)) for name in ("rate_in_hz", "rate_out_hz"))
    return "in {:.1f} Hz, out {:.1f} Hz, ".format(*rates) + f"{_latency(report)}, {report['message']}"


def _latency(report: Mapping[str, str]) -> str:
    if "latency_p50_ms" not in report:
        return "no latency yet"
    return f"latency p50 {float(report['latency_p50_ms']):.0f} ms, p99 {float(report['latency_p99_ms']):.0f} ms"
