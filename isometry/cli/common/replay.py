"""A replay of a bag through a node, as several commands make it: figures, a report, the view."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isometry.cli.common.browser import serve_replay
from isometry.cli.common.progress import progress_bar

if TYPE_CHECKING:
    from isometry.evaluation.replay.inputs import Topics
    from isometry.evaluation.replay.reports import Report

Out = Annotated[Path, typer.Option(help="Folder for the report, the recording and the node's log.")]
Rate = Annotated[float, typer.Option(min=0.0, help="Times real time; 0 = as fast as the node answers.")]
GROUND_TRUTH = "/ground_truth/pose"
CLOUDS_SHOWN = 5
"""In the browser: each so many-th."""


def replay_and_report(
    node: str,
    bag: Path,
    out: Path,
    rate: float,
    topics: Topics,
    parameters: Mapping[str, str],
    truth: str = GROUND_TRUTH,
    port: int | None = None,
) -> None:
    """Replay a bag through a node, and write and print a report.

    Raises ValueError, after the report, when nothing was answered or most was refused.
    """
    from isometry.evaluation.replay.recording import KINDS
    from isometry.evaluation.replay.replay import replay
    from isometry.evaluation.replay.reports import write_report

    with progress_bar(f"replaying {bag.name}") as advance:
        recording = replay(KINDS[node], bag, out / "node.log", rate, topics, parameters, advance)
    recording.save(out / "recording.npz")
    report = write_report(bag, rate, recording, out, truth)
    _print(report)
    if recording.failure():
        raise ValueError(f"{recording.failure()} (the node's log is {out / 'node.log'})")
    if port is not None:
        serve_replay(bag, recording, CLOUDS_SHOWN, port)


def _print(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False)
    for value, label in report.headline:
        table.add_row(label, f"[bold]{value}[/bold]")
    console = Console()
    console.print(table)
    for warning in report.warnings:
        console.print(f"[yellow]{warning}[/yellow]", soft_wrap=True, highlight=False)
    console.print(f"report: {report.page.resolve()}", soft_wrap=True, highlight=False)
