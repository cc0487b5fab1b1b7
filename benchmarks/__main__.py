"""`python -m benchmarks`: measure the workloads, compare them with the committed table, report regressions."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import (
    depth_egomotion,
    flow_memory,
    node_latency,
    object_pose,
    place_recognition,
    registration,
    tracking,
)
from benchmarks.measure import Figure, read_table, write_table
from isometry.cli.common.threads import use_one_thread

BASELINE = Path(__file__).parent / "baseline.csv"
STARTED_AGAIN = "ISOMETRY_BENCHMARKS_ON_ONE_THREAD"


def benchmarks(
    node: Annotated[bool, typer.Option(help="Also time the nodes over DDS (two minutes; never compared).")] = True,
    write: Annotated[bool, typer.Option(help="Write the figures of this run as the committed table.")] = False,
) -> None:
    """Exit with 1 when a figure has regressed against the committed table."""
    if STARTED_AGAIN not in os.environ:  # libraries read their number of threads at import
        use_one_thread()
        os.environ[STARTED_AGAIN] = "1"
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]])
    measured = list(_figures(node))
    if write:
        write_table(BASELINE, measured)
    baseline = read_table(BASELINE)
    regressed = [f.name for f in measured if f.name in baseline and f.regressed(baseline[f.name])]
    Console().print(_table(measured, baseline, regressed))
    if regressed:
        typer.echo(f"regressed: {', '.join(regressed)}", err=True)
        raise typer.Exit(1)


def _figures(node: bool) -> Iterator[Figure]:
    """All figures; each is printed as soon as it is measured."""
    sources = [
        place_recognition.figures,
        registration.figures,
        flow_memory.figures,
        tracking.figures,
        object_pose.figures,
        depth_egomotion.figures,
    ]
    for source in [*sources, node_latency.figures] if node else sources:
        for figure in source():
            typer.echo(f"{figure.name}: {figure.value:.4g} {figure.unit}", err=True)
            yield figure


def _table(measured: list[Figure], baseline: dict[str, Figure], regressed: list[str]) -> Table:
    table = Table("name", "value", "unit", "ratio", "committed value", "committed ratio", "")
    for figure in measured:
        committed = baseline.get(figure.name)
        baseline_columns = (f"{committed.value:.4g}", f"{committed.ratio:.4g}") if committed else ("-", "-")
        flag = "REGRESSED" if figure.name in regressed else ""
        table.add_row(figure.name, f"{figure.value:.4g}", figure.unit, f"{figure.ratio:.4g}", *baseline_columns, flag)
    return table


if __name__ == "__main__":
    typer.run(benchmarks)
